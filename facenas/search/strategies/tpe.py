"""Tree-structured Parzen estimator: a model of the good candidates and one of the others."""

from typing import Any, Literal

from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial
from pydantic import Field

from facenas.backbones.space import SearchSpace
from facenas.search.baseline import BaselineSettings, Judge
from facenas.search.candidate import Log, Plan, ignore
from facenas.search.proposals import WORST, Proposals


class TPESettings(BaselineSettings):
    """Bounds of the search, epochs of every candidate, and when the model of good and bad candidates is used."""

    name: Literal["tpe"] = Field("tpe", description="Name of the strategy.")
    startup: int = Field(10, ge=1, description="Random candidates before the first that the scores decide.")
    batch: int = Field(1, ge=1, description="Candidates proposed before their scores are seen; as many can be trained at once.")

    def build(self, space: SearchSpace, seed: int) -> "TPE":
        """The algorithm in a space.

        Args:
            space: The search space.
            seed: Seed of all that the algorithm draws.
        """
        return TPE(space, seed, **self.model_dump())


class TPE:
    """Proposes what is likely among the good candidates and unlikely among the others; maximises accuracy.

    Source: Bergstra et al., "Algorithms for hyper-parameter optimization", 2011, section 4; all variables in one joint density as in
    Falkner et al., "BOHB", 2018, section 3.2. Optuna's `TPESampler`.

    Args:
        space: The search space.
        seed: Seed of the draws.
        settings: The fields of `TPESettings`.
    """

    def __init__(self, space: SearchSpace, seed: int = 0, **settings: Any) -> None:
        self.settings = TPESettings(**settings)
        self._proposals = Proposals(space, self.settings, seed, self._sampler, ("maximize",))

    def search(self, log: Log = ignore) -> Plan:
        """Propose candidates without end; the budget of the run ends the search."""
        judge, told = Judge(log), list[FrozenTrial]()
        while True:
            for asked in [self._proposals.ask(told, len(told) + place) for place in range(self.settings.batch)]:
                score = yield self._proposals.candidate(asked, "tpe")
                told.append(self._proposals.told(asked, float(score.accuracy) if judge(score) else WORST))

    def _sampler(self, seed: int) -> BaseSampler:
        return TPESampler(seed=seed, n_startup_trials=self.settings.startup, multivariate=True, constant_liar=False)
