"""Dynamic-ranking macro-micro search, the algorithm of "Efficient Global Neural Architecture Search" (EGNAS)."""

from collections.abc import Generator
from fractions import Fraction
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from facenas.backbones import Architecture, SearchSpace
from facenas.search.candidate import Candidate, Log, Outcome, Phase, Plan, Verdict, ignore
from facenas.settings import Section
from facenas.training.score import Score

SATURATED = Fraction("0.999")  # growing stops here, or when every training image is right, as in the published code
Found = Generator[Candidate, Score, Architecture]


class DynamicRankingSettings(Section):
    """Bounds, epochs and thresholds; the defaults are the paper's tiny setting (section 4.1)."""

    name: Literal["dynamic_ranking"] = Field("dynamic_ranking", description="Name of the strategy.")
    min_depth: int = Field(10, ge=1, description="Layers to start from.")
    max_depth: int = Field(100, ge=1, description="Most layers, tried.")
    min_width: int = Field(16, ge=1, description="Fewest channels, tried.")
    max_width: int = Field(64, ge=1, description="Channels to start from.")
    width_step: int = Field(2, ge=1, description="Channels removed by one pruning step.")
    macro_epochs: int = Field(10, ge=1, description="Epochs of the first candidate: one more per growth, two more per pruning step.")
    micro_epochs: int = Field(2, ge=1, description="Epochs of every candidate of the micro phases.")
    depth_gain: float = Field(0.001, ge=0, description="Gain in accuracy that accepts a deeper network, a fraction.")
    depth_drop: float = Field(0.0005, ge=0, description="Loss in accuracy that does not yet count as a drop, a fraction.")
    patience: int = Field(3, ge=1, description="Drops that end a macro phase.")
    params_slack: int = Field(10_000, ge=0, description="Parameters by which a micro candidate may exceed its budget.")
    micro: bool = Field(True, description="Whether operations and kernels are searched after depth and width.")

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.min_depth > self.max_depth or self.min_width > self.max_width:
            raise ValueError("min_depth and min_width must not exceed max_depth and max_width")
        return self


class DynamicRanking:
    """Greedy search over depth, width, operations and kernels, in this order; larger candidates train longer.

    Source: EGNAS, algorithm 1 and sections 3.2 and 3.3. Where the text leaves a rule open, the published search logs
    decide: a score between the two thresholds leaves the count of drops as it is, the third drop since the last accepted
    depth ends growing, pruning counts epochs on from the last grown candidate and ends at the third drop in a row.

    Args:
        space: The search space.
        settings: The fields of `DynamicRankingSettings`.
    """

    def __init__(self, space: SearchSpace, **settings: Any) -> None:
        self.space = space
        self.settings = DynamicRankingSettings(**settings)

    def search(self, log: Log = ignore) -> Plan:
        """The whole search, as a generator of candidates."""
        grown, score, epochs = yield from self._grow(log)
        macro = yield from self._prune(grown, score, epochs, log)
        return (yield from self._micro(macro, log)) if self.settings.micro else macro

    def _grow(self, log: Log) -> Generator[Candidate, Score, tuple[Architecture, Score, int]]:
        """Add layers while accuracy improves; returns the best, its score and the last candidate's epochs."""
        s, drops, epochs = self.settings, 0, self.settings.macro_epochs
        gain, drop = Fraction(str(s.depth_gain)), Fraction(str(s.depth_drop))
        best = self.space.start(depth=s.min_depth, width=s.max_width)
        best_score = yield Candidate(architecture=best, epochs=epochs, phase="grow")
        log(Verdict(outcome="accepted", reason="the start"))
        for depth in range(s.min_depth + self.space.depth_step, s.max_depth + 1, self.space.depth_step):
            if best_score.accuracy >= SATURATED or best_score.train_accuracy == 1:
                break
            epochs += 1
            deeper = self.space.start(depth=depth, width=s.max_width)
            score = yield Candidate(architecture=deeper, epochs=epochs, phase="grow")
            change = score.accuracy - best_score.accuracy
            if change >= gain:
                best, best_score, drops = deeper, score, 0
                log(_verdict("accepted", change, ">=", gain))
            elif change >= -drop:
                log(_verdict("neutral", change, ">=", -drop))
            else:
                drops += 1
                log(_verdict("rejected", change, "<", -drop, f", drop {drops} of {s.patience}"))
                if drops == s.patience:
                    break
        return best, best_score, epochs

    def _prune(self, best: Architecture, best_score: Score, epochs: int, log: Log) -> Found:
        """Remove channels while accuracy holds; every candidate trains two epochs longer than the one before."""
        s, drops = self.settings, 0
        for width in range(s.max_width - s.width_step, s.min_width - 1, -s.width_step):
            epochs += 2
            thinner = best.replace(width=width)
            score = yield Candidate(architecture=thinner, epochs=epochs, phase="prune")
            change = score.accuracy - best_score.accuracy
            if change >= 0:
                best, best_score, drops = thinner, score, 0
                log(_verdict("accepted", change, ">="))
            else:
                drops += 1
                log(_verdict("rejected", change, "<", suffix=f", drop {drops} of {s.patience}"))
                if drops == s.patience:
                    break
        return best

    def _micro(self, macro: Architecture, log: Log) -> Found:
        """Retrain the macro architecture as the baseline, then try the other operation and 5x5 at every position."""
        score = yield Candidate(architecture=macro, epochs=self.settings.micro_epochs, phase="operations")
        log(Verdict(outcome="accepted", reason="the baseline of the micro search"))
        best, score = yield from self._try_each("operations", macro, score, log)
        best, score = yield from self._try_each("kernels", best, score, log)
        return best

    def _try_each(
        self, phase: Phase, best: Architecture, best_score: Score, log: Log
    ) -> Generator[Candidate, Score, tuple[Architecture, Score]]:
        """Change one position after the other at an equal number of parameters; keep what scores better."""
        width, budget = best.width, self.space.count_parameters(best)
        for position in range(len(best.operations)):
            other = self._fitted(self._changed(phase, best, position).replace(width=width), budget)
            score = yield Candidate(architecture=other, epochs=self.settings.micro_epochs, phase=phase)
            change = score.accuracy - best_score.accuracy
            if change > 0:
                best, best_score = other, score
            log(_verdict("accepted", change, ">") if change > 0 else _verdict("rejected", change, "<="))
        return best, best_score

    def _changed(self, phase: Phase, best: Architecture, position: int) -> Architecture:
        if phase == "operations":
            return best.replace(operations=_with(best.operations, position, self.space.operations[1]))
        return best.replace(kernels=_with(best.kernels, position, 5))

    def _fitted(self, architecture: Architecture, budget: int) -> Architecture:
        """Wider while the budget of parameters allows, else narrower until it is exceeded by the slack at most."""
        limit = budget + self.settings.params_slack
        while self._parameters(architecture, width := architecture.width + 1) <= budget:
            architecture = architecture.replace(width=width)
        while architecture.width > 1 and self._parameters(architecture, architecture.width) > limit:
            architecture = architecture.replace(width=architecture.width - 1)
        return architecture

    def _parameters(self, architecture: Architecture, width: int) -> int:
        return self.space.count_parameters(architecture.replace(width=width))


def _with(values: tuple[Any, ...], position: int, value: object) -> tuple[Any, ...]:
    return (*values[:position], value, *values[position + 1 :])


def _verdict(outcome: Outcome, change: Fraction, relation: str, threshold: Fraction = Fraction(), suffix: str = "") -> Verdict:
    reason = f"{float(100 * change):+.3f} points {relation} {float(100 * threshold):+.3f}{suffix}"
    return Verdict(outcome=outcome, reason=reason)
