"""Axes: where a value lies, and which values are written beside it."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

Text = Callable[[float], str]
TICKS = 7  # at most about so many


@dataclass(frozen=True)
class Axis:
    """One direction of a chart, which places values and writes some of them.

    Attributes:
        label: Name of what is measured, with its unit.
        low: Least value shown.
        high: Greatest value shown.
        text: Function that writes a value as text.
        whole: Whether only whole numbers are written.
        log: Whether equal ratios are equal distances.
        falling: Whether the greatest value comes first.
    """

    label: str
    low: float
    high: float
    text: Text = "{:g}".format
    whole: bool = False
    log: bool = False
    falling: bool = False

    def at(self, value: float) -> float:
        """The position of a value: 0 at the beginning of the axis, 1 at its end."""
        low, high, here = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        share = (here - low) / (high - low)
        return 1 - share if self.falling else share

    def ticks(self) -> list[float]:
        """The round values that are written on the axis."""
        if self.log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            factors = (1, 2, 5) if self.high < 200 * self.low else (1,)
            found = [factor * 10.0**decade for decade in decades for factor in factors]
        else:
            step = _round_step((self.high - self.low) / TICKS, self.whole)
            found = [round(i * step, 10) for i in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]
        return [value for value in found if self.low <= value <= self.high]


def around(values: Iterable[float], label: str, *, text: Text = "{:g}".format, whole: bool = False, falling: bool = False) -> Axis:
    """An axis with a margin around the values.

    Args:
        values: The values to show, one at least.
        label: Name of what is measured, with its unit.
        text: Function that writes a value as text.
        whole: Whether only whole numbers are written.
        falling: Whether the greatest value comes first.
    """
    low, high = _bounds(values)
    margin = 0.06 * (high - low) or (1 if whole else abs(low) * 0.1 or 1)
    return Axis(label, low - margin, high + margin, text, whole=whole, falling=falling)


def of_cost(values: Iterable[float], label: str, text: Text = "{:g}".format) -> Axis:
    """An axis of positive amounts, logarithmic where they differ by more than a factor of ten.

    Args:
        values: The amounts to show, one at least.
        label: Name of what is measured, with its unit.
        text: Function that writes a value as text.
    """
    low, high = _bounds(values)
    if high <= 10 * low or low <= 0:
        return around((low, high), label, text=text)
    margin = (high / low) ** 0.06
    return Axis(label, low / margin, high * margin, text, log=True)


def _bounds(values: Iterable[float]) -> tuple[float, float]:
    known = list(values)
    return min(known), max(known)


def _round_step(least: float, whole: bool) -> float:
    """The least number of 1, 2 or 5 times a power of ten that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * 0.999)
    return max(1, step) if whole else step
