"""A sample of a space: given architectures and random ones, all trained alike."""

from collections.abc import Collection, Generator
from fractions import Fraction
from random import Random
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from facenas.backbones.architecture import Architecture
from facenas.backbones.space import Ranges, SearchSpace
from facenas.errors import SettingsError
from facenas.score import Score
from facenas.search.baseline import MOST_REFUSALS, BaselineSettings, Judge, stream
from facenas.search.candidate import Candidate, Log, Plan, ignore


class SampleSettings(BaselineSettings):
    """Bounds of the draws, epochs of every candidate, and the number of draws."""

    ends: ClassVar[bool] = True
    name: Literal["sample"] = Field("sample", description="Name of the strategy.")
    architectures: tuple[Architecture, ...] = Field((), description="Architectures to train first.")
    count: int = Field(10, ge=0, description="Random architectures, all different, to train after those.")

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.architectures and not self.count:
            raise ValueError("a sample needs architectures, or a count above 0")
        return self

    def build(self, space: SearchSpace, seed: int) -> "Sample":
        """The algorithm in a space.

        Args:
            space: The search space.
            seed: Seed of all that the algorithm draws.
        """
        return Sample(space, seed, **self.model_dump())

    def check(self, space: SearchSpace) -> None:
        """Raise a ModelError if there are draws and the space lacks the depths of their bounds."""
        if self.count:
            self.ranges(space)


class Sample:
    """Trains the given architectures, then different random ones, for equally many epochs; keeps the best.

    Source: EGNAS, section 3.2 (240 random networks) and section 4.1, ablation studies (10 of them, to compare with the one found). A draw
    over a limit is replaced by another.

    Args:
        space: The search space.
        seed: Seed of the draws.
        settings: The fields of `SampleSettings`.
    """

    def __init__(self, space: SearchSpace, seed: int = 0, **settings: Any) -> None:
        self.space, self.seed = space, seed
        self.settings = SampleSettings(**settings)
        self._ranges: Ranges | None = self.settings.ranges(space) if self.settings.count else None

    def search(self, log: Log = ignore) -> Plan:
        """Propose the given architectures in their order, then the draws."""
        random, judge, given = stream(self.seed), Judge(log), dict.fromkeys(self.settings.architectures)
        seen, trained = set(given), dict[Architecture, Fraction]()
        for architecture in given:
            yield from self._train(architecture, judge, trained)
        last = len(trained) + self.settings.count
        while len(trained) < last:
            architecture = self._draw(random, seen)
            seen.add(architecture)
            yield from self._train(architecture, judge, trained)
        if not trained:
            raise SettingsError("every architecture of the sample is over a limit; widen the limits")
        return max(trained, key=trained.__getitem__)

    def _train(self, architecture: Architecture, judge: Judge, trained: dict[Architecture, Fraction]) -> Generator[Candidate, Score, None]:
        score = yield Candidate(architecture=architecture, epochs=self.settings.epochs, phase="sample")
        if judge(score):
            trained[architecture] = score.accuracy

    def _draw(self, random: Random, seen: Collection[Architecture]) -> Architecture:
        """A random architecture that was not there before."""
        assert self._ranges
        for _ in range(MOST_REFUSALS):
            architecture = self.space.sample(random, **self._ranges)
            if architecture not in seen:
                return architecture
        raise SettingsError(
            f"no new architecture in {MOST_REFUSALS} draws, after {len(seen)} different ones; lower count or widen the bounds"
        )
