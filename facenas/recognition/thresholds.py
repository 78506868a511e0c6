"""The score from which two faces count as one person: what an evaluation of the same weights has measured."""

import json
from collections.abc import Iterator
from math import isclose
from pathlib import Path
from typing import Any, NamedTuple

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


def stored_threshold(model: Path, model_sha256: str, far: float) -> Threshold:
    """The threshold of an evaluation that lies beside a model; of several the one with the most pairs.

    Args:
        model: A run's folder, or a model file.
        model_sha256: Of its weights: evaluations of other weights do not count, nor those without mirror images.
        far: False accept rate, a fraction.

    Raises:
        DataError: If there is none at this rate; the sentence says which there are.
    """
    found, refused = list[Threshold](), list[str]()
    for name, report in _reports(model):
        if report.get("model_sha256") != model_sha256 or report.get("protocol", {}).get("flip") is not True:
            continue
        found += [Threshold(float(value), float(rate), name, report["pairs"]) for rate, value in report["threshold_at_far"].items()]
        refused += [f"{name} {why}" for rate, why in report.get("refused", {}).items() if isclose(float(rate), far)]
    fitting = [one for one in found if isclose(one.far, far)]
    if fitting:
        return max(fitting, key=lambda one: one.pairs)
    if not found:
        raise DataError(f"no evaluation of these weights is stored with {model}; run `facenas eval --model {model}`, or give --threshold")
    rates = ", ".join(f"{rate:g}" for rate in sorted({one.far for one in found}, reverse=True))
    why = f" ({'; '.join(refused)})" if refused else ""
    raise DataError(f"no evaluation stored with {model} has a threshold at FAR {far:g}{why}; there are {rates}: give --far or --threshold")


def _reports(model: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(((model if model.is_dir() else model.parent) / "eval").glob("*.json")):
        try:
            content = json.loads(file.read_bytes())
        except (OSError, ValueError):
            continue
        for name, report in content.items() if isinstance(content, dict) else ():
            if isinstance(report, dict) and "exact_accuracy" in report:  # of pairs of pictures, not of templates
                yield name, report
