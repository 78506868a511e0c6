"""One line of the journal."""

import json
from typing import Any, NamedTuple

from pydantic import Field, field_validator

from facenas.score import Evaluation
from facenas.search.candidate import Candidate, Scale, Verdict
from facenas.section import Section

SCALES: tuple[Scale, ...] = ("macro", "micro")


class NetworkCost(NamedTuple):
    """Cost of a network: trainable parameters, multiply-accumulates and milliseconds for one image."""

    parameters: int
    macs: int
    latency_ms: float | None = None
    latency_predicted: bool = False


class Row(Section):
    """One candidate of a search, scored and judged."""

    step: int = Field(ge=0, description="Place in the plan, from 0.")
    candidate: Candidate = Field(description="What was asked.")
    evaluation: Evaluation = Field(description="What came out.")
    verdict: Verdict = Field(description="What the strategy made of it.")
    parameters: int = Field(ge=1, description="Trainable parameters of the network.")
    macs: int = Field(ge=1, description="Multiply-accumulates for one image.")
    latency_ms: float | None = Field(None, ge=0, description="Measured time for one image, where it was measured.")
    latency_predicted: bool = Field(False, description="Whether that is the sum of its layers' times, far over the limit.")

    @property
    def scale(self) -> Scale:
        """The scale of the row's score: scores of one scale can be compared."""
        return self.candidate.scale

    def plain(self) -> dict[str, Any]:
        """The row as flat JSON."""
        score, evaluation = self.evaluation.score, self.evaluation
        return {
            "step": self.step,
            "phase": self.candidate.phase,
            "depth": self.candidate.architecture.depth,
            "width": self.candidate.architecture.width,
            "architecture": self.candidate.architecture.model_dump(mode="json"),
            "identity": self.candidate.architecture.identity,
            "epochs": self.candidate.epochs,
            "correct": score.correct,
            "total": score.total,
            "train_correct": score.train_correct,
            "train_total": score.train_total,
            "verdict": self.verdict.outcome,
            "reason": self.verdict.reason,
            "diverged": evaluation.diverged,
            "refused": score.refused,
            "parameters": self.parameters,
            "macs": self.macs,
            "latency_ms": self.latency_ms,
            "latency_predicted": self.latency_predicted,
            "history": [epoch._asdict() for epoch in evaluation.history],
            "seconds": evaluation.seconds,
            "device": evaluation.device,
            "processor": evaluation.processor,
        }


class StageEpoch(Section):
    """One epoch of a stage that trains shared weights."""

    number: int = Field(ge=1, description="Which epoch, from 1.")
    seconds: float = Field(ge=0, description="Time that it took.")
    facts: dict[str, Any] = Field(description="What the stage tells of it, JSON values; `accuracy` of its paths is a fraction in [0, 1].")

    @field_validator("facts")
    @classmethod
    def _with_accuracy(cls, facts: dict[str, Any]) -> dict[str, Any]:
        plain: dict[str, Any] = json.loads(json.dumps(facts, allow_nan=False))
        if not 0 <= plain.get("accuracy", -1) <= 1:
            raise ValueError("the facts of an epoch need an accuracy in [0, 1]")
        return plain
