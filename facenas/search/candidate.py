"""The words of the dialogue between a strategy and its runner."""

from collections.abc import Callable, Generator
from typing import Literal, Protocol

from pydantic import Field

from facenas.backbones import Architecture
from facenas.settings import Section
from facenas.training.score import Score

Phase = Literal["grow", "prune", "baseline", "operations", "kernels", "random", "evolution", "tpe", "nsga2", "sample"]
MICRO: tuple[Phase, ...] = ("operations", "kernels")  # trained for few epochs: their scores are on a scale of their own
Outcome = Literal["accepted", "neutral", "rejected"]


class Candidate(Section):
    """A request of a strategy: train this architecture from scratch for so many epochs and score it."""

    architecture: Architecture = Field(description="What to train.")
    epochs: int = Field(ge=1, description="Training epochs.")
    phase: Phase = Field(description="The part of the algorithm that asks.")


class Verdict(Section):
    """What a strategy made of a candidate's score."""

    outcome: Outcome = Field(description="Whether the candidate becomes the best so far.")
    reason: str = Field(description="The comparison behind it, in one phrase.")


Plan = Generator[Candidate, Score, Architecture]
Log = Callable[[Verdict], None]


class Strategy(Protocol):
    """A search algorithm, free of torch, files and clocks."""

    def search(self, log: Log = ...) -> Plan:
        """Yield candidates, be sent their scores, return the chosen architecture.

        `log` hears one verdict for each score, before the next candidate is asked for. A strategy without an end of its own is ended by
        the runner's budget; the last accepted candidate is then what it found.
        """


def ignore(verdict: Verdict) -> None:
    """A log that forgets."""
