"""What the baseline strategies share: their bounds, and how they judge scores. The best so far is what they have found."""

from fractions import Fraction
from random import Random
from typing import Self

from pydantic import Field, model_validator

from facenas.backbones import SearchSpace
from facenas.errors import SettingsError
from facenas.search.candidate import Log, Verdict
from facenas.settings import Section
from facenas.training.score import Score

MOST_REFUSALS = 1000  # in a row


class Bounds(Section):
    """The part of a space to search, and the epochs of its candidates; the defaults are the paper's tiny setting.

    Source: EGNAS, section 3.1, the set X: depth and width within bounds, width in steps from the least.
    """

    min_depth: int = Field(10, ge=1, description="Fewest layers.")
    max_depth: int = Field(100, ge=1, description="Most layers.")
    min_width: int = Field(16, ge=1, description="Fewest channels.")
    max_width: int = Field(64, ge=1, description="Most channels.")
    width_step: int = Field(2, ge=1, description="Channels between neighbouring widths.")
    epochs: int = Field(10, ge=1, description="Training epochs of every candidate.")

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.min_depth > self.max_depth or self.min_width > self.max_width:
            raise ValueError("min_depth and min_width must not exceed max_depth and max_width")
        return self

    def ranges(self, space: SearchSpace) -> dict[str, range]:
        """The `depths` and `widths` to draw from; an error if the space has no such depths."""
        depths = range(self.min_depth, self.max_depth + 1, space.depth_step)
        for end in (depths[0], depths[-1]):
            space.positions(end)
        return {"depths": depths, "widths": range(self.min_width, self.max_width + 1, self.width_step)}


class Judge:
    """Accepts a score that is strictly better than all before it; a refused one never.

    Args:
        log: Hears the verdict on each score.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._best = Fraction(-1)
        self._refusals = 0

    def __call__(self, score: Score) -> bool:
        """Log the verdict; whether the candidate was trained.

        Raises:
            SettingsError: If every one of the last thousand candidates was over a limit.
        """
        self._refusals = self._refusals + 1 if score.refused else 0
        self._log(Verdict(outcome="rejected", reason="over a limit") if score.refused else self._verdict(score.accuracy))
        if self._refusals == MOST_REFUSALS:
            raise SettingsError(f"no architecture within the limits in {MOST_REFUSALS} draws; widen the limits or the bounds")
        return not score.refused

    def _verdict(self, accuracy: Fraction) -> Verdict:
        best, self._best = self._best, max(accuracy, self._best)
        if best < 0:
            return Verdict(outcome="accepted", reason="the first")
        change = f"{float(100 * (accuracy - best)):+.3f} points"
        if accuracy > best:
            return Verdict(outcome="accepted", reason=f"{change} > +0.000")
        return Verdict(outcome="rejected", reason=f"{change} <= +0.000")


def stream(*parts: object) -> Random:
    """Random numbers that depend on nothing but the parts, for example a seed and a step."""
    return Random(" ".join(map(str, parts)))
