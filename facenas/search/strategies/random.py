"""Random search: the baseline that every search has to beat."""

from typing import Any, Literal

from pydantic import Field

from facenas.backbones.space import SearchSpace
from facenas.search.baseline import BaselineSettings, Judge, stream
from facenas.search.candidate import Candidate, Log, Plan, ignore


class RandomSearchSettings(BaselineSettings):
    """Bounds of the search, and epochs of every candidate."""

    name: Literal["random"] = Field("random", description="Name of the strategy.")

    def build(self, space: SearchSpace, seed: int) -> "RandomSearch":
        """The algorithm in a space.

        Args:
            space: The search space.
            seed: Seed of all that the algorithm draws.
        """
        return RandomSearch(space, seed, **self.model_dump())


class RandomSearch:
    """Draws depth, width, and every operation and kernel uniformly; keeps the best.

    Source: Li & Talwalkar, "Random search and reproducibility for neural architecture search", 2020, without weight sharing; the row
    "Random" of EGNAS, table 3.

    Args:
        space: The search space.
        seed: Seed of the draws.
        settings: The fields of `RandomSearchSettings`.
    """

    def __init__(self, space: SearchSpace, seed: int = 0, **settings: Any) -> None:
        self.space, self.seed = space, seed
        self.settings = RandomSearchSettings(**settings)
        self._ranges = self.settings.ranges(space)

    def search(self, log: Log = ignore) -> Plan:
        """Propose candidates without end; the budget of the run ends the search."""
        random, judge = stream(self.seed), Judge(log)
        while True:
            architecture = self.space.sample(random, **self._ranges)
            judge((yield Candidate(architecture=architecture, epochs=self.settings.epochs, phase="random")))
