"""Successive halving."""

from collections.abc import Generator
from random import Random
from typing import ClassVar, Literal

from pydantic import Field

from facenas.backbones.architecture import Architecture
from facenas.backbones.space import SearchSpace
from facenas.score import Score
from facenas.search.bounds import Bounds
from facenas.search.candidate import Candidate, Log, Plan, Verdict, ignore


class Halving(Bounds):
    """Bounds of the draws, and how many there are."""

    ends: ClassVar[bool] = True
    name: Literal["halving"] = Field("halving", description="Name of the strategy.")
    count: int = Field(8, ge=1, description="Architectures drawn at the beginning.")
    epochs: int = Field(1, ge=1, description="Training epochs of each at the beginning; they double with every halving.")

    def build(self, space: SearchSpace, seed: int) -> "SuccessiveHalving":
        """The algorithm in a space."""
        return SuccessiveHalving(self, space, seed)


class SuccessiveHalving:
    """Trains all for a few epochs, keeps the better half, and again with twice the epochs, until one is left.

    Source: Jamieson & Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", 2016, figure 3, with eta = 2.
    """

    def __init__(self, settings: Halving, space: SearchSpace, seed: int) -> None:
        self.settings, self.space, self.seed = settings, space, seed

    def search(self, log: Log = ignore) -> Plan:
        """Rungs of candidates, each with half as many as the one before."""
        random, ranges, epochs = Random(self.seed), self.settings.ranges(self.space), self.settings.epochs
        alive = [self.space.sample(random, **ranges) for _ in range(self.settings.count)]
        while True:
            scores = yield from self._rung(alive, epochs, log)
            ranked = sorted(range(len(alive)), key=lambda place: -scores[place].accuracy)
            alive, epochs = [alive[place] for place in ranked[: (len(alive) + 1) // 2]], 2 * epochs
            if len(alive) == 1:
                return alive[0]

    def _rung(self, alive: list[Architecture], epochs: int, log: Log) -> Generator[Candidate, Score, list[Score]]:
        """Scores of architectures that are trained for equally many epochs; the last rung's are comparable with other searches."""
        scores = list[Score]()
        for architecture in alive:
            scale = "macro" if len(alive) <= 2 else "micro"
            score = yield Candidate(architecture=architecture, epochs=epochs, phase=f"rung of {len(alive)}", scale=scale)
            best = max((one.accuracy for one in scores), default=-1)
            better = score.accuracy > best and not score.refused
            log(Verdict(outcome="accepted" if better else "rejected", reason="best of its rung" if better else "not the best of its rung"))
            scores.append(score)
        return scores
