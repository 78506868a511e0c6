"""The score from which two faces count as one person: what an evaluation of the same weights has measured."""

import json
from collections.abc import Iterator
from contextlib import suppress
from math import isclose
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

from facenas.data import InputContract
from facenas.errors import DataError


class Threshold(NamedTuple):
    """A threshold with where it comes from.

    Attributes:
        value: The least cosine that is accepted.
        far: The false accept rate that it was measured at.
        benchmark: On which benchmark.
        pairs: Number of pairs there.
    """

    value: float
    far: float
    benchmark: str
    pairs: int

    @property
    def in_words(self) -> str:
        """As people read it."""
        measured = f" (FAR {self.far:g} on {self.benchmark} with {self.pairs:,} pairs)" if self.benchmark else ""
        return f"threshold {self.value:.3f}{measured}"


class _Protocol(BaseModel):
    flip: bool


class _Report(BaseModel):
    """What is read of an evaluation."""

    model_sha256: str
    threshold_at_far: dict[float, float]
    refused: dict[float, str] = {}
    pairs: int
    exact_accuracy: float
    protocol: _Protocol
    input: InputContract | None = None


def stored_threshold(model: Path, model_sha256: str, far: float, *, contract: InputContract | None = None) -> Threshold:
    """The threshold of an evaluation that lies beside a model; of several the one with the most pairs.

    Args:
        model: A run's folder, or a model file.
        model_sha256: Of its weights: evaluations of other weights do not count, nor those without mirror images.
        far: False accept rate, a fraction.
        contract: How it is given its images now: evaluations that gave them in another way do not count. None: any.

    Raises:
        DataError: If there is none at this rate; the sentence says which there are.
    """
    of_model = [(name, one) for name, one in _reports(model) if one.model_sha256 == model_sha256 and one.protocol.flip]
    reports = [(name, one) for name, one in of_model if contract is None or one.input in (None, contract)]
    found = [Threshold(value, rate, name, one.pairs) for name, one in reports for rate, value in one.threshold_at_far.items()]
    refused = [f"{name} {why}" for name, one in reports for rate, why in one.refused.items() if isclose(rate, far)]
    fitting = [one for one in found if isclose(one.far, far)]
    if fitting:
        return max(fitting, key=lambda one: one.pairs)
    if not found and of_model:
        raise DataError(
            f"the evaluations stored with {model} gave it another input, {_told(of_model[0][1].input)}; "
            "say input.* as then, run `facenas eval` again, or give --threshold"
        )
    if not found:
        raise DataError(f"no evaluation of these weights is stored with {model}; run `facenas eval --model {model}`, or give --threshold")
    rates = ", ".join(f"{rate:g}" for rate in sorted({one.far for one in found}, reverse=True))
    why = f" ({'; '.join(refused)})" if refused else ""
    raise DataError(f"no evaluation stored with {model} has a threshold at FAR {far:g}{why}; there are {rates}: give --far or --threshold")


def _told(contract: InputContract | None) -> str:
    """What of a contract differs from the default."""
    return ", ".join(f"{key}={value}" for key, value in contract.telling().items()) if contract and contract.telling() else "the default"


def _reports(model: Path) -> Iterator[tuple[str, _Report]]:
    """Evaluations of pairs of pictures that lie beside a model; those of templates have other thresholds."""
    for file in sorted(((model if model.is_dir() else model.parent) / "eval").glob("*.json")):
        with suppress(OSError, ValueError, RecursionError):
            content = json.loads(file.read_bytes())
            for name, report in content.items() if isinstance(content, dict) else ():
                with suppress(ValidationError):
                    yield name, _Report.model_validate(report)
