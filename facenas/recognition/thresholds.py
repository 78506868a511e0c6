"""The score from which two faces count as one person: what an evaluation of the same weights has measured."""

import json
from collections.abc import Iterator
from contextlib import suppress
from math import isclose
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from facenas.data import InputContract
from facenas.errors import DataError
from facenas.files import read_checked_json, write_checked_json


class _Threshold(NamedTuple):
    value: float
    far: float
    benchmark: str
    pairs: int


class Threshold(_Threshold):
    """A threshold with where it comes from: a tuple of the first four attributes.

    Attributes:
        value: The least cosine that is accepted.
        far: False accept rate at which it was measured, a fraction.
        benchmark: Name of the benchmark on which it was measured.
        pairs: Number of pairs of the benchmark.
        data: The benchmark's photographs in words.
        seen: Whether the model was trained on some of these photographs.
    """

    data: str = ""
    seen: bool = False

    @property
    def in_words(self) -> str:
        """The threshold and where it comes from, as a phrase for people."""
        if not self.benchmark:
            return f"threshold {self.value:.3f}"
        data, seen = f", {self.data}," if self.data else "", ", photographs that the model was trained on" if self.seen else ""
        return f"threshold {self.value:.3f} (FAR {self.far:g} on {self.benchmark}{data} with {self.pairs:,} pairs{seen})"


class _Data(BaseModel):
    place: str
    pictures: int


class _Protocol(BaseModel):
    flip: bool


class _Report(BaseModel):
    """The parts of a stored evaluation that a threshold needs."""

    model_sha256: str
    threshold_at_far: dict[float, float]
    refused: dict[float, str] = {}
    pairs: int
    exact_accuracy: float
    protocol: _Protocol
    input: InputContract | None = None
    data: _Data | None = None
    data_sha256: str = ""
    seen_pictures: int = 0
    seen_known: bool = False

    @property
    def trust(self) -> int:
        """How sure it is that the model had not seen these people; a greater number is surer."""
        return 0 if self.seen_pictures else 1 + self.seen_known

    @property
    def about(self) -> str:
        """The evaluated photographs in words."""
        return f"{f'{self.data.place}, ' if self.data.place else ''}{self.data.pictures:,} photographs" if self.data else ""


def stored_threshold(model: Path, model_sha256: str, far: float, *, contract: InputContract | None = None) -> Threshold:
    """The threshold of an evaluation that lies beside a model.

    Of several it is one on people that the model has not seen before one on others, then the one with the most pairs.

    Args:
        model: A run's folder, or a model file.
        model_sha256: Hash of the model's weights: evaluations of other weights do not count, nor those without mirror images.
        far: False accept rate, a fraction.
        contract: Input contract by which the model is given images now: evaluations with another one do not count. None: all count.

    Raises:
        DataError: If no evaluation has a threshold at this rate; the sentence says at which rates there are some.
    """
    of_model = [(name, one) for name, one in _reports(model) if one.model_sha256 == model_sha256 and one.protocol.flip]
    reports = [(name, one) for name, one in of_model if contract is None or one.input in (None, contract)]
    reports.sort(key=lambda named: (-named[1].trust, -named[1].pairs))
    found = [
        _with_data(Threshold(value, rate, name, one.pairs), one) for name, one in reports for rate, value in one.threshold_at_far.items()
    ]
    refused = dict.fromkeys(f"{name} {why}" for name, one in reports for rate, why in one.refused.items() if isclose(rate, far))
    fitting = [one for one in found if isclose(one.far, far)]
    if fitting:
        return fitting[0]
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
    """The parts of a contract that differ from the defaults, in words."""
    return ", ".join(f"{key}={value}" for key, value in contract.telling().items()) if contract and contract.telling() else "the default"


def _reports(model: Path) -> Iterator[tuple[str, _Report]]:
    """The names and contents of pair evaluations that lie beside a model; those of templates have other thresholds."""
    for file in sorted(((model if model.is_dir() else model.parent) / "eval").glob("*.json")):
        with suppress(OSError, ValueError, RecursionError):
            content = read_checked_json(file)
            for name, report in content.items():
                with suppress(ValidationError):
                    yield name, _Report.model_validate(report)


def _with_data(threshold: Threshold, report: _Report) -> Threshold:
    threshold.data, threshold.seen = report.about, report.seen_pictures > 0
    return threshold


def keep_report(file: Path, name: str, content: dict[str, Any]) -> Path:
    """Write an evaluation of a benchmark, so that none of the same weights on other data is lost.

    The one that was there moves to a name with the beginning of its data's hash; if it is of people that the model had not seen, and the
    new one is less sure of that, it stays, and the new one gets such a name.

    Args:
        file: Path where the evaluation belongs.
        name: Name of the benchmark.
        content: The evaluation, under the key `name`, and what else is to be kept.

    Returns:
        The path where the evaluation was written.
    """
    with suppress(OSError, ValueError, KeyError, TypeError):
        before, now = (_Report.model_validate(each[name]) for each in (json.loads(file.read_bytes()), content))
        if before.model_sha256 == now.model_sha256 and before.data_sha256 != now.data_sha256:
            if before.trust > now.trust:
                file = _of_data(file, now)
            else:
                file.replace(_of_data(file, before))
    write_checked_json(file, content)
    return file


def _of_data(file: Path, report: _Report) -> Path:
    return file.with_name(f"{file.stem}-{report.data_sha256[:8] or 'saved'}{file.suffix}")
