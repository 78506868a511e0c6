"""The words of the dialogue between a strategy and its runner."""

from collections.abc import Callable, Generator
from typing import Literal, Protocol

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from facenas.backbones.architecture import Architecture
from facenas.score import Score
from facenas.section import Section

Phase = str  # free text: a strategy names its parts
MICRO: tuple[Phase, ...] = ("operations", "kernels")  # trained for few epochs: their scores are on a scale of their own
Scale = Literal["macro", "micro"]
Outcome = Literal["accepted", "neutral", "rejected"]


def _scale_of(phase: Phase) -> Scale:
    return "micro" if phase in MICRO else "macro"


class Candidate(Section):
    """A request of a strategy: train this architecture from scratch for so many epochs and score it."""

    architecture: Architecture = Field(description="What to train.")
    epochs: int = Field(ge=1, description="Training epochs.")
    phase: Phase = Field(min_length=1, description="The part of the algorithm that asks.")
    scale: Scale = Field(
        default_factory=lambda known: _scale_of(known.get("phase", "")),
        description="Scores of one scale can be compared: those of micro candidates come from a few epochs.",
    )

    @model_serializer(mode="wrap")
    def _as_before(self, serialize: SerializerFunctionWrapHandler) -> dict[str, object]:
        """The scale is written where the phase does not say it: rows without one are read so."""
        tree: dict[str, object] = serialize(self)
        return {key: value for key, value in tree.items() if key != "scale" or value != _scale_of(self.phase)}


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
    """A log that forgets the verdict; the default where nobody listens."""
