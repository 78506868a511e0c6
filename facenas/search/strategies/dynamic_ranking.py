"""Dynamic-ranking macro-micro search, the algorithm of "Efficient Global Neural Architecture Search" (EGNAS)."""

from collections.abc import Generator
from fractions import Fraction
from functools import cache
from typing import Any, ClassVar, Literal

from pydantic import Field

from facenas.backbones.architecture import Architecture, Kernel, Operation
from facenas.backbones.space import Ranges, SearchSpace
from facenas.errors import ModelError, SettingsError
from facenas.score import Score
from facenas.search.bounds import Bounds
from facenas.search.candidate import Candidate, Log, Outcome, Phase, Plan, Verdict, ignore
from facenas.search.significance import paired_error, standard_error

SATURATED = Fraction("0.999")  # growing stops here, or when every training image is right, as in the published code
Phased = Generator[Candidate, Score, Architecture]
OVER = Verdict(outcome="rejected", reason="over a limit")


class DynamicRankingSettings(Bounds):
    """Bounds, epochs and thresholds; the defaults are the paper's tiny setting (section 4.1).

    The search starts from the fewest layers and the most channels.
    """

    ends: ClassVar[bool] = True
    name: Literal["dynamic_ranking"] = Field("dynamic_ranking", description="Name of the strategy.")
    macro_epochs: int = Field(10, ge=1, description="Epochs of the first candidate: one more per growth, two more per pruning step.")
    micro_epochs: int = Field(2, ge=1, description="Epochs of every candidate of the micro phases.")
    depth_gain: float = Field(0.001, ge=0, description="Gain in accuracy that accepts a deeper network, a fraction.")
    depth_drop: float = Field(0.0005, ge=0, description="Loss in accuracy that does not yet count as a drop, a fraction.")
    patience: int = Field(3, ge=1, description="Drops that end a macro phase.")
    params_slack: int = Field(10_000, ge=0, description="Parameters by which a micro candidate may exceed its budget.")
    micro: bool = Field(True, description="Whether operations and kernels are searched after depth and width.")
    start_operation: Operation | None = Field(None, description="Operation everywhere at the start; null: the space's first.")
    start_kernel: Kernel = Field(3, description="Kernel size everywhere at the start, in pixels.")
    fair_prune: bool = Field(False, description="Retrain the wider network for as many epochs as the thinner one before comparing them.")
    noise: Literal["ignored", "unpaired", "paired"] = Field(
        "ignored", description="Other than ignored: all thresholds are noise_z standard errors, of independent or of the same items."
    )
    noise_z: float = Field(1.0, gt=0, description="Standard errors of the difference that count as a gain or a drop.")

    def start(self, space: SearchSpace, depth: int) -> Architecture:
        """The widest architecture of a depth, with the operation and the kernel size to start with everywhere.

        Args:
            space: The search space.
            depth: Number of layers.
        """
        start = space.start(depth=depth, width=self.max_width)
        operations, kernels = (self.start_operation or space.operations[0],), (self.start_kernel,)
        return start.replace(operations=operations * len(start.operations), kernels=kernels * len(start.kernels))

    def ranges(self, space: SearchSpace) -> Ranges:
        """The depths and widths of the space to draw from; an error if it lacks them, or the operation or kernel size to start with."""
        found = super().ranges(space)
        try:
            if not space.one_size:
                space.check(self.start(space, found["depths"][0]))
        except ModelError as error:
            raise SettingsError(
                f"strategy.start_operation and strategy.start_kernel must be of the space {space.name!r}: {error}"
            ) from None
        return found

    def build(self, space: SearchSpace, seed: int) -> "DynamicRanking":
        """The algorithm in a space.

        Args:
            space: The search space.
            seed: Seed of the run, not used: the algorithm draws nothing.
        """
        return DynamicRanking(space, **self.model_dump())


class DynamicRanking:
    """Greedy search over depth, width, operations and kernels, in this order; larger candidates train longer.

    Source: EGNAS, algorithm 1 and sections 3.2 and 3.3. Where the text leaves a rule open, the published search logs
    decide: a score between the two thresholds leaves the count of drops as it is, the third drop since the last accepted
    depth ends growing, pruning counts epochs on from the last grown candidate and ends at the third drop in a row.

    The paper's micro search has two operations and two kernel sizes: at each position it tries the other operation, later 5x5. Here the
    space says what there is at a position (`SearchSpace.alternatives`). Where that is more than one thing, they are tried in the space's
    order, and each is compared, by the same rule and within the same budget, with the best before it; with one it is the paper's search.

    Args:
        space: The search space.
        settings: The fields of `DynamicRankingSettings`.
    """

    def __init__(self, space: SearchSpace, **settings: Any) -> None:
        self.space = space
        self.settings = DynamicRankingSettings(**settings)
        self._start = cache(self._make_start)  # a search is replayed often
        self._variant = cache(self._make_variant)
        self._thinner = cache(lambda architecture, width: architecture.replace(width=width))

    def search(self, log: Log = ignore) -> Plan:
        """The whole search, as a generator of candidates."""
        grown, score, epochs = yield from self._grow(log)
        macro = yield from self._prune(grown, score, epochs, log)
        return (yield from self._micro(macro, log)) if self.settings.micro else macro

    def _grow(self, log: Log) -> Generator[Candidate, Score, tuple[Architecture, Score, int]]:
        """Add layers while accuracy improves; returns the best, its score and the last candidate's epochs."""
        s, drops, epochs = self.settings, 0, self.settings.macro_epochs
        best = self._start(s.min_depth)
        best_score = yield Candidate(architecture=best, epochs=epochs, phase="grow")
        log(OVER if best_score.refused else Verdict(outcome="accepted", reason="the start"))
        for depth in range(s.min_depth + self.space.depth_step, s.max_depth + 1, self.space.depth_step):
            if best_score.refused or best_score.accuracy >= SATURATED or best_score.train_accuracy == 1:
                break
            deeper = self._start(depth)
            score = yield Candidate(architecture=deeper, epochs=epochs + 1, phase="grow")
            if score.refused:
                log(OVER)
                break
            epochs += 1
            change, noise = score.accuracy - best_score.accuracy, self._noise(score, best_score)
            gain, drop = (Fraction(str(s.depth_gain)), Fraction(str(s.depth_drop))) if noise is None else (noise, noise)
            if change >= gain and (noise is None or change > 0):
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

    def _prune(self, best: Architecture, best_score: Score, epochs: int, log: Log) -> Phased:
        """Remove channels while accuracy holds; every candidate trains two epochs longer than the one before."""
        s, drops = self.settings, 0
        for width in range(s.max_width - s.width_step, s.min_width - 1, -s.width_step):
            thinner = self._thinner(best, width)
            if s.fair_prune and not best_score.refused:
                best_score = yield Candidate(architecture=best, epochs=epochs + 2, phase="baseline")
                log(Verdict(outcome="neutral", reason="the wider network, trained as long as the thinner one"))
            score = yield Candidate(architecture=thinner, epochs=epochs + 2, phase="prune")
            if score.refused:
                log(OVER)
                best = thinner if best_score.refused else best
                continue
            epochs += 2
            change, noise = score.accuracy - best_score.accuracy, self._noise(score, best_score) or 0
            if change >= -noise:
                best, best_score, drops = thinner, max(score, best_score, key=lambda one: one.accuracy), 0
                log(_verdict("accepted", change, ">=", -noise))
            else:
                drops += 1
                log(_verdict("rejected", change, "<", -noise, f", drop {drops} of {s.patience}"))
                if drops == s.patience:
                    break
        if best_score.refused:
            raise SettingsError("even the smallest network of the search is over a limit; widen the limits or lower strategy.min_width")
        return best

    def _micro(self, macro: Architecture, log: Log) -> Phased:
        """Retrain the macro architecture as the baseline, then try the other operations and the other kernels at every position."""
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
        for position, value in self._alternatives(phase, best):
            other = self._variant(phase, best, position, value, width, budget)
            score = yield Candidate(architecture=other, epochs=self.settings.micro_epochs, phase=phase)
            change, noise = score.accuracy - best_score.accuracy, self._noise(score, best_score) or 0
            if score.refused:
                log(OVER)
            elif change > 0 and change >= noise:
                best, best_score = other, score
                log(_verdict("accepted", change, ">=" if noise else ">", noise))
            else:
                log(_verdict("rejected", change, "<" if noise else "<=", noise))
        return best, best_score

    def _alternatives(self, phase: Phase, start: Architecture) -> list[tuple[int, Operation | Kernel]]:
        """What a phase tries: positions in their order, at each the space's alternatives in theirs."""
        tried = [self.space.alternatives(start, position) for position in range(len(start.operations))]
        return [
            (position, value) for position, one in enumerate(tried) for value in (one.operations if phase == "operations" else one.kernels)
        ]

    def _noise(self, score: Score, best: Score) -> Fraction | None:
        """The difference in accuracy that chance alone may make; None: not asked for."""
        if self.settings.noise == "ignored":
            return None
        same_items = self.settings.noise == "paired" and score.answers and best.answers  # none where training diverged
        error = (paired_error if same_items else standard_error)(score, best)
        return Fraction(f"{self.settings.noise_z * error:.12f}")

    def _make_start(self, depth: int) -> Architecture:
        return self.settings.start(self.space, depth)

    def _make_variant(
        self, phase: Phase, best: Architecture, position: int, value: Operation | Kernel, width: int, budget: int
    ) -> Architecture:
        """Another operation or kernel at one position of a network of the given width, fitted to the budget."""
        values = best.operations if phase == "operations" else best.kernels
        return self._fitted(best.replace(**{phase: _with(values, position, value)}, width=width), budget)

    def _fitted(self, architecture: Architecture, budget: int) -> Architecture:
        """Wider while the budget of parameters allows, else narrower until it is exceeded by the slack at most."""
        limit, step = budget + self.settings.params_slack, self.space.width_step
        while self._parameters(architecture, width := architecture.width + step) <= budget:
            architecture = architecture.replace(width=width)
        while architecture.width > step and self._parameters(architecture, architecture.width) > limit:
            architecture = architecture.replace(width=architecture.width - step)
        return architecture

    def _parameters(self, architecture: Architecture, width: int) -> int:
        return self.space.count_parameters(architecture.replace(width=width))


def _with(values: tuple[Any, ...], position: int, value: object) -> tuple[Any, ...]:
    return (*values[:position], value, *values[position + 1 :])


def _verdict(outcome: Outcome, change: Fraction, relation: str, threshold: Fraction | int = 0, suffix: str = "") -> Verdict:
    reason = f"{float(100 * change):+.3f} points {relation} {float(100 * threshold):+.3f}{suffix}"
    return Verdict(outcome=outcome, reason=reason)
