"""Running benchmarks: from a model and a benchmark's settings to figures."""

import logging
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from facenas.api.progress import bar
from facenas.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from facenas.data.looks import Looks
    from facenas.eval import Features
    from facenas.eval.benchmark import Benchmark, Result
    from facenas.eval.settings import EvalSettings
    from facenas.recognition.models import Recogniser
    from facenas.report.comparison import ComparedModels


logger = logging.getLogger("facenas")
COMPUTING = ("torch", "onnxruntime", "opencv-python-headless")  # packages whose versions may change an embedding


class Measured(NamedTuple):
    """A model's result on a benchmark, with the embeddings that it is of."""

    name: str
    model: Path
    benchmark: "Benchmark"
    features: "Features"
    result: "Result"
    report: dict[str, Any]
    settings: "EvalSettings"


def measure(path: Path, name: str, settings: "EvalSettings", *, told: set[str], anyone: bool = False) -> Measured:
    """Run a benchmark; embeddings that were computed before come from the cache.

    Args:
        path: Where the model is: a folder, a file or `timm:NAME`.
        name: Name of the benchmark.
        settings: Settings of the benchmark: its files, and how it is run.
        told: Remarks that the user has read already; new ones are added.
        anyone: Whether people that the model has seen are tested too: to compare two forms of a model, not to tell its worth.
    """
    from facenas.eval.met import pictures_met
    from facenas.eval.protocols import make_benchmark
    from facenas.recognition.models import load_recogniser
    from facenas.training.models import looks_of, names_of

    recogniser = load_recogniser(path, settings.input, settings.device)
    names, looks = ({}, ()) if anyone else (names_of(recogniser.seen), looks_of(recogniser.seen))
    benchmark = make_benchmark(settings, size=recogniser.contract.size, seen=names, looks=looks)
    met, of = pictures_met(benchmark.pictures, looks)
    remarks = [text for text in (recogniser.remark, benchmark.remark, _overlap(met, of, looks)) if text]
    for text in remarks:
        if text not in told:
            logger.info("%s: %s", name, text)
    told.update(remarks)
    features = _features(path, recogniser, benchmark, settings)
    result = benchmark.measure(features.values)
    for text in afterwards(benchmark, features, result):
        logger.info("%s: %s", name, text)
        remarks.append(text)
    report = {
        **asdict(result),  # type: ignore[call-overload]
        "model": str(path),
        "model_sha256": recogniser.sha256,
        "data_sha256": features.data_sha256,
        "data": {"place": _place(settings.data), "pictures": benchmark.pictures.count},
        "seen_pictures": met,
        "seen_known": bool(looks) or getattr(getattr(benchmark, "faces", None), "dataset", None) in names,
        "input": recogniser.contract.model_dump(mode="json"),
        "protocol": settings.model_dump(mode="json", exclude={"device", "cache", "workers", "batch_size", "input"}),
        "remarks": remarks,
        "versions": {package: version(package) for package in ("facenas", "numpy", "torch", "onnxruntime", "opencv-python-headless")},
    }
    return Measured(name, path, benchmark, features, result, report, settings)


def _overlap(met: int, of: int, looks: "Sequence[Looks]") -> str:
    """What is to be said of pictures that the model has met, and of those that it may have met."""
    sampled = sum(one.photographs for one in looks if one.sampled)
    if met:
        return (
            f"{met:,} of {of:,} pictures look like photographs that the model was trained or selected on: what is measured on them is no "
            "estimate for new people"
        )
    return f"it is known how a sample of the model's {sampled:,} photographs looks, not all" if sampled else ""


def _place(source: Any) -> str:
    """The last part of the name of where a data set lies; empty where it does not say."""
    place = getattr(source, "root", None) or getattr(source, "file", None)
    return Path(place).expanduser().resolve().name if place else ""


def afterwards(benchmark: "Benchmark", features: "Features", result: "Result") -> "Iterator[str]":
    """What a user is to be told of a result: what was left out, and which differences so few people cannot tell.

    Args:
        benchmark: The benchmark.
        features: Embeddings of its pictures.
        result: The figures of these embeddings.
    """
    from facenas.eval.pictures import there
    from facenas.eval.resolution import in_words
    from facenas.eval.verification import PairBenchmark, Verification

    missing = int((~there(features.values)).sum())
    if missing:
        lost = ", ".join(f"{count:,} {what}" for what, count in result.left_out.items()) or "nothing but them"
        examples = f" ({'; '.join(features.problems)})" if features.problems else ""
        yield f"{missing:,} of {benchmark.pictures.count:,} pictures are missing or unreadable{examples}; left out: {lost}"
    if isinstance(benchmark, PairBenchmark) and isinstance(result, Verification) and benchmark.faces:
        more = "smaller differences need more people, or `facenas train --set validation.folds=K`, which validates on everybody"
        yield f"{in_words(result.correct, result.pairs)}; {more}"


def _features(path: Path, recogniser: "Recogniser", benchmark: "Benchmark", settings: "EvalSettings") -> "Features":
    """Raw embeddings of the benchmark's pictures."""
    from facenas.eval import Features, extract, kept
    from facenas.training.device import make_fabric
    from facenas.training.processor import processor

    if recogniser.saved is not None:
        return Features(benchmark.rows_of(recogniser.saved, path), "")
    embedder = recogniser.embedder
    if embedder is None:
        raise ModelError(f"{path} embeds nothing")

    def compute() -> Features:
        with bar("embed (photographs)", benchmark.pictures.count) as advance:
            return extract(
                embedder,
                benchmark.pictures.image,
                benchmark.pictures.count,
                batch_size=settings.batch_size,
                flip=settings.flip,
                workers=settings.workers,
                most_missing=benchmark.pictures.most_missing,
                after_batch=advance,
            )

    if not settings.cache:
        return compute()
    of_model = (recogniser.sha256, recogniser.contract.model_dump_json(), settings.flip, settings.device)
    where = "cpu" if path.suffix.lower() == ".onnx" else make_fabric(settings.device, "fp32").device.type
    computed = (processor(where, in_c=False), *(version(package) for package in COMPUTING))
    depends_on = (*of_model, benchmark.pictures.stamp(), *computed)
    return kept(" ".join(map(str, depends_on)), compute)


def compared(measured: "list[Measured]") -> "list[ComparedModels]":
    """The models of each benchmark side by side; the first is compared with each other one."""
    from facenas.report.comparison import ComparedModels

    result = []
    for name in dict.fromkeys(one.name for one in measured):
        those = {str(one.model): one for one in measured if one.name == name}
        first, *others = those.values()
        result.append(
            ComparedModels(
                name,
                rates={model: one.result.rates for model, one in those.items()},
                curves={model: one.benchmark.curves(one.features.values) for model, one in those.items()},
                reports={model: one.report for model, one in those.items()},
                differences=[found for other in others for found in _differences(first, other)],
            )
        )
    return result


def _differences(first: Measured, other: Measured) -> "list[dict[str, Any]]":
    """What two models differ by on the same questions, for each headline rate."""
    from facenas.eval.bootstrap import difference

    if not first.settings.replicates:
        return []
    ours, theirs = (one.benchmark.decisions(one.features.values) for one in (first, other))
    if not all(mine.comparable(yours) for mine, yours in zip(ours, theirs, strict=True)):
        logger.info(
            "%s: %s and %s have seen different people, so their questions differ and are not compared", first.name, first.model, other.model
        )
        return []
    result = []
    for mine, yours in zip(ours, theirs, strict=True):
        found = difference(mine, yours, replicates=first.settings.replicates, seed=first.settings.seed)
        named = {"rate": mine.rate, "first": str(first.model), "second": str(other.model)}
        result.append(named | {"value": found.value, "low": found.interval.low, "high": found.interval.high, "p": found.p})
    return result
