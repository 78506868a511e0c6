"""NSGA-II: a genetic search for the Pareto front of accuracy and parameters."""

from math import inf
from typing import Any, Literal

from optuna.samplers import BaseSampler, NSGAIISampler
from optuna.trial import FrozenTrial
from pydantic import Field

from facenas.backbones.space import SearchSpace
from facenas.search.baseline import BaselineSettings, Judge
from facenas.search.candidate import Log, Plan, ignore
from facenas.search.proposals import WORST, Proposals


class NSGA2Settings(BaselineSettings):
    """Bounds of the search, epochs of every candidate, and the size of a generation."""

    name: Literal["nsga2"] = Field("nsga2", description="Name of the strategy.")
    population: int = Field(20, ge=2, description="Candidates of a generation; none depends on the scores of its own.")

    def build(self, space: SearchSpace, seed: int) -> "NSGA2":
        """The algorithm in a space.

        Args:
            space: The search space.
            seed: Seed of all that the algorithm draws.
        """
        return NSGA2(space, seed, **self.model_dump())


class NSGA2:
    """Maximises accuracy and minimises parameters: parents are the fronts that no other candidate beats in both.

    Source: Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", 2002; for architectures, Lu et al., "NSGA-Net",
    2019. Optuna's `NSGAIISampler`.

    Args:
        space: The search space.
        seed: Seed of the draws.
        settings: The fields of `NSGA2Settings`.
    """

    def __init__(self, space: SearchSpace, seed: int = 0, **settings: Any) -> None:
        self.space = space
        self.settings = NSGA2Settings(**settings)
        self._proposals = Proposals(space, self.settings, seed, self._sampler, ("maximize", "minimize"))

    def search(self, log: Log = ignore) -> Plan:
        """Propose candidates without end; the budget of the run ends the search."""
        judge, told = Judge(log), list[FrozenTrial]()
        while True:
            asked = self._proposals.ask(told, len(told))
            candidate = self._proposals.candidate(asked, "nsga2")
            score = yield candidate
            values = (float(score.accuracy), self.space.count_parameters(candidate.architecture)) if judge(score) else (WORST, inf)
            told.append(self._proposals.told(asked, *values))

    def _sampler(self, seed: int) -> BaseSampler:
        return NSGAIISampler(seed=seed, population_size=self.settings.population)
