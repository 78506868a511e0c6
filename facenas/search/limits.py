"""Hard limits on what a candidate may cost, and the budget of a whole search."""

from collections.abc import Sequence

from pydantic import Field, field_validator

from facenas.export.target import TARGET, Target
from facenas.search.row import NetworkCost, Row
from facenas.section import Section

BYTES = 4  # of a parameter in the exported file, float32


class Limits(Section):
    """Hard limits; a candidate over one of them is not trained. null: no limit."""

    parameters: int | None = Field(None, ge=1, description="Most trainable parameters.")
    macs: int | None = Field(None, ge=1, description="Most multiply-accumulates for one image.")
    size_mb: float | None = Field(None, gt=0, description="Largest size of the float32 weights, in 10^6 bytes.")
    latency_ms: float | None = Field(None, gt=0, description="Longest time for one image, measured on this machine.")
    latency_target: str = Field(TARGET, description="What runs it: onnxruntime-cpu-Nthread(s), torch-cpu-Nthread(s) or torch-cuda.")

    @field_validator("latency_target")
    @classmethod
    def _known(cls, name: str) -> str:
        Target.of(name)
        return name

    def excess(self, price: NetworkCost) -> str:
        """Which costs are over their limit, in one phrase; empty if none is."""
        found = [
            (f"{price.parameters:,} parameters", price.parameters, self.parameters),
            (f"{price.macs:,} MACs", price.macs, self.macs),
            (f"{BYTES * price.parameters / 1e6:.2f} MB of weights", BYTES * price.parameters / 1e6, self.size_mb),
            (f"{price.latency_ms or 0:.2f} ms{' by its layers' * price.latency_predicted}", price.latency_ms or 0, self.latency_ms),
        ]
        return ", ".join(f"{phrase}, at most {most:,}" for phrase, amount, most in found if most is not None and amount > most)


class Budget(Section):
    """Where a search ends, whatever its strategy still wants; whichever comes first. null: no end."""

    trials: int | None = Field(None, ge=1, description="Trained candidates.")
    epochs: int | None = Field(None, ge=1, description="Training epochs of all candidates.")
    hours: float | None = Field(None, gt=0, description="Training time of all candidates, not of the wall clock.")

    def trials_left(self, rows: Sequence[Row]) -> int:
        """Number of candidates that may still be trained after these rows."""
        return (self.trials or 10**9) - sum(not row.evaluation.score.refused for row in rows)

    def spent(self, rows: Sequence[Row]) -> bool:
        """Whether nothing of the budget is left after these rows."""
        trained = [row for row in rows if not row.evaluation.score.refused]
        return any(
            most is not None and amount >= most
            for amount, most in (
                (len(trained), self.trials),
                (sum(row.candidate.epochs for row in trained), self.epochs),
                (sum(row.evaluation.seconds for row in trained) / 3600, self.hours),
            )
        )
