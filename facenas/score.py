"""What evaluating a candidate yields: integer counts, never rounded percentages."""

from base64 import b64encode
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field, model_validator

from facenas.section import Section

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Score(Section):
    """Correct answers on the validation split, and on the training data during the last epoch where known."""

    correct: int = Field(ge=0, description="Correctly answered validation items (images, or pairs of faces).")
    total: int = Field(ge=1, description="Validation items.")
    train_correct: int | None = Field(None, ge=0, description="Correctly classified training images of the last epoch.")
    train_total: int | None = Field(None, ge=1, description="Training images of the last epoch.")
    answers: str | None = Field(None, description="Which items were right: packed bits, base64; for tests on the same items.")
    refused: bool = Field(False, description="Whether the candidate was over a hard limit: it was not trained and counts as all wrong.")

    @model_validator(mode="after")
    def _within_totals(self) -> "Score":
        if self.correct > self.total or (self.train_correct or 0) > (self.train_total or self.train_correct or 0):
            raise ValueError("correct answers cannot outnumber all answers")
        return self

    @property
    def accuracy(self) -> Fraction:
        """Exact validation accuracy, in [0, 1]."""
        return Fraction(self.correct, self.total)

    @property
    def train_accuracy(self) -> Fraction | None:
        """Exact training accuracy, in [0, 1], where it is known."""
        return None if self.train_correct is None or self.train_total is None else Fraction(self.train_correct, self.train_total)


class Epoch(NamedTuple):
    """What one epoch of training did.

    Attributes:
        epoch: Number of the epoch, from 1.
        loss: Mean loss of its steps.
        correct: Training images that were classified correctly, margins left aside.
        total: Training images that were seen.
        lr: Learning rate of its last step.
        validation: Correct answers on the validation split, where the epoch was validated.
    """

    epoch: int
    loss: float
    correct: int
    total: int
    lr: float
    validation: int | None = None  # correct answers on the validation split, where the epoch was validated


class Evaluation(Section):
    """A candidate's score with all that a journal keeps about it."""

    score: Score = Field(description="Integer counts.")
    history: tuple[Epoch, ...] = Field(description="Every epoch of training.")
    seconds: float = Field(ge=0, description="Time from building to scoring.")
    device: str = Field(description="Kind of device that trained it.")
    diverged: bool = Field(False, description="Whether training ended in numbers that are not finite; the score is then 0.")
    remark: str = Field("", description="Why the candidate was refused, if it was.")
    processor: str = Field("", description="Kind of processor that trained it; results of equal kinds are equal to the bit.")
    filed: str = Field("", description="Name of the result in a cache: all that it depends on, where it was computed.")


def pack_answers(right: "NDArray[np.bool_]") -> str:
    """Whether each item was answered correctly, (M,), as the text that `Score.answers` keeps."""
    import numpy as np

    return b64encode(np.packbits(right).tobytes()).decode()
