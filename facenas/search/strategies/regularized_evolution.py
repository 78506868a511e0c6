"""Regularized evolution, known as AmoebaNet's: the oldest dies, not the worst."""

from collections import deque
from collections.abc import Generator
from fractions import Fraction
from random import Random
from typing import Any, Literal, NamedTuple

from pydantic import Field

from facenas.backbones.architecture import Architecture
from facenas.backbones.space import SearchSpace
from facenas.score import Score
from facenas.search.baseline import BaselineSettings, Judge, stream
from facenas.search.candidate import Candidate, Log, Plan, ignore


class RegularizedEvolutionSettings(BaselineSettings):
    """Bounds of the search, epochs, and the sizes of population and tournament, in the paper's ratio of 4 to 1 (section 3.2)."""

    name: Literal["regularized_evolution"] = Field("regularized_evolution", description="Name of the strategy.")
    population: int = Field(20, ge=2, description="Models alive, P in the paper.")
    tournament: int = Field(5, ge=1, description="Models that compete to be the parent, S in the paper.")
    batch: int = Field(1, ge=1, description="Children drawn before their scores are seen; as many can be trained at once.")

    def build(self, space: SearchSpace, seed: int) -> "RegularizedEvolution":
        """The algorithm in a space.

        Args:
            space: The search space.
            seed: Seed of all that the algorithm draws.
        """
        return RegularizedEvolution(space, seed, **self.model_dump())


class Member(NamedTuple):
    """A member of the population."""

    architecture: Architecture
    accuracy: Fraction


class RegularizedEvolution:
    """The best of a random sample has a mutated child, which takes the place of the oldest.

    Source: Real et al., "Regularized evolution for image classifier architecture search", 2019, algorithm 1. A mutation is one step in
    one variable of our spaces. Children may be drawn in batches, which stand for the paper's asynchronous workers. The first population is
    what random search draws with the same seed.

    Args:
        space: The search space.
        seed: Seed of the draws.
        settings: The fields of `RegularizedEvolutionSettings`.
    """

    def __init__(self, space: SearchSpace, seed: int = 0, **settings: Any) -> None:
        self.space, self.seed = space, seed
        self.settings = RegularizedEvolutionSettings(**settings)
        self._ranges = self.settings.ranges(space)

    def search(self, log: Log = ignore) -> Plan:
        """Propose candidates without end; the budget of the run ends the search."""
        random, judge, s = stream(self.seed), Judge(log), self.settings
        population = deque[Member](maxlen=s.population)  # a newcomer pushes out the oldest
        while len(population) < s.population:
            model = yield from self._train(self.space.sample(random, **self._ranges), judge)
            population.extend(model)
        while True:
            parents = [self._winner(population, random) for _ in range(s.batch)]
            children = [self.space.mutate(parent.architecture, random, **self._ranges) for parent in parents]
            for child in children:
                model = yield from self._train(child, judge)
                population.extend(model)

    def _winner(self, population: deque[Member], random: Random) -> Member:
        """The most accurate of a sample with replacement."""
        sample = [random.choice(population) for _ in range(self.settings.tournament)]
        return max(sample, key=lambda model: model.accuracy)

    def _train(self, architecture: Architecture, judge: Judge) -> Generator[Candidate, Score, list[Member]]:
        """The model that comes of an architecture; none if it is over a limit."""
        score = yield Candidate(architecture=architecture, epochs=self.settings.epochs, phase="evolution")
        return [Member(architecture, score.accuracy)] if judge(score) else []
