"""What the baseline strategies share: their training, and how they judge scores. The best so far is what they have found."""

from fractions import Fraction
from random import Random

from pydantic import Field

from facenas.errors import SettingsError
from facenas.score import Score
from facenas.search.bounds import Bounds
from facenas.search.candidate import Log, Verdict

MOST_REFUSALS = 1000  # in a row


class BaselineSettings(Bounds):
    """Bounds of the search, and the same number of training epochs for every candidate."""

    epochs: int = Field(10, ge=1, description="Training epochs of every candidate.")


class Judge:
    """Accepts a score that is strictly better than all before it; that of a refused candidate never.

    Args:
        log: Called with the verdict on each score.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._best = Fraction(-1)
        self._refusals = 0

    def __call__(self, score: Score) -> bool:
        """Log the verdict on a score; returns whether its candidate was trained.

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
