"""What the studies share: networks that are trained alike, and values with their spread."""

from collections.abc import Iterable, Sequence
from statistics import mean, stdev
from typing import Self

from pydantic import Field

from facenas.backbones import Architecture
from facenas.search.bounds import Bounds
from facenas.search.limits import Budget
from facenas.search.settings import SearchSettings
from facenas.search.strategies.sample import SampleSettings
from facenas.settings import Section


def alike(
    search: SearchSettings, *, epochs: int, count: int = 0, architectures: Sequence[Architecture] = (), **changes: object
) -> SearchSettings:
    """Settings of a run that trains given architectures, and random ones of a search's bounds, for the same number of epochs.

    Args:
        search: The search whose task, space and bounds are taken.
        epochs: Training epochs of each architecture.
        count: Number of random architectures.
        architectures: The given architectures, trained first.
        changes: Other settings of the search to replace, by name.
    """
    bounds = search.strategy.model_dump(include=set(Bounds.model_fields)) | {"epochs": epochs}
    sample = SampleSettings(architectures=tuple(architectures), count=count, **bounds)
    return search.model_copy(update={"strategy": sample, "budget": Budget(), **changes})


class Spread(Section):
    """Several measurements of one quantity, with their mean and deviation."""

    values: tuple[float, ...] = Field(description="One for each seed, or for each data set of each seed.")
    mean: float = Field(description="Their mean.")
    sd: float | None = Field(description="Their standard deviation; null for a single one.")

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """Mean and deviation of one or more values."""
        known = tuple(map(float, values))
        return cls(values=known, mean=mean(known), sd=stdev(known) if len(known) > 1 else None)
