"""What evaluating a candidate yields: integer counts, never rounded percentages."""

from fractions import Fraction

from pydantic import Field, model_validator

from facenas.settings import Section


class Score(Section):
    """Correct answers on the validation split, and on the training data during the last epoch where known."""

    correct: int = Field(ge=0, description="Correctly answered validation items (images, or pairs of faces).")
    total: int = Field(ge=1, description="Validation items.")
    train_correct: int | None = Field(None, ge=0, description="Correctly classified training images of the last epoch.")
    train_total: int | None = Field(None, ge=1, description="Training images of the last epoch.")

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
