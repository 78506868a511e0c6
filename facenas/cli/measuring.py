"""Running benchmarks: from a model and a benchmark's settings to figures."""

from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from facenas.cli.common import progress_bars, remark
from facenas.errors import ModelError

if TYPE_CHECKING:
    from facenas.eval import Features
    from facenas.eval.benchmark import Benchmark, Result
    from facenas.eval.settings import EvalSettings
    from facenas.recognition.models import Recogniser
    from facenas.report.comparison import Compared


class Measured(NamedTuple):
    """A model's result on a benchmark."""

    name: str
    model: Path
    benchmark: "Benchmark"
    features: "Features"
    result: "Result"
    report: dict[str, Any]
    settings: "EvalSettings"


def measure(path: Path, name: str, settings: "EvalSettings", *, told: set[str], anyone: bool = False) -> Measured:
    """Run a benchmark, from the cache what was embedded before.

    Args:
        path: The model.
        name: Of the benchmark.
        settings: How it is run.
        told: Remarks that the user has read already; new ones are added.
        anyone: Whether it is asked about people that it has seen, too: that compares two forms of a model, and says nothing of its worth.
    """
    from facenas.eval.protocols import make_benchmark
    from facenas.recognition.models import load_recogniser

    recogniser = load_recogniser(path, settings.input, settings.device)
    seen = {one.dataset: one.identities for one in recogniser.seen if not anyone}
    benchmark = make_benchmark(settings, size=recogniser.contract.size, seen=seen)
    remarks = [text for text in (recogniser.remark, benchmark.remark) if text]
    for text in remarks:
        if text not in told:
            remark(f"{name}: {text}")
    told.update(remarks)
    features = _features(path, recogniser, benchmark, settings)
    result = benchmark.measure(features.values)
    report = {
        **asdict(result),  # type: ignore[call-overload]
        "model": str(path),
        "model_sha256": recogniser.sha256,
        "data_sha256": features.data_sha256,
        "input": recogniser.contract.model_dump(mode="json"),
        "protocol": settings.model_dump(mode="json", exclude={"device", "cache", "workers", "batch_size", "input"}),
        "remarks": remarks,
        "versions": {package: version(package) for package in ("facenas", "numpy", "torch", "onnxruntime", "opencv-python-headless")},
    }
    return Measured(name, path, benchmark, features, result, report, settings)


def _features(path: Path, recogniser: "Recogniser", benchmark: "Benchmark", settings: "EvalSettings") -> "Features":
    """Raw embeddings of the benchmark's pictures."""
    from facenas.eval import Features, extract, kept

    if recogniser.saved is not None:
        return Features(benchmark.rows_of(recogniser.saved, path), "")
    embedder = recogniser.embedder
    if embedder is None:
        raise ModelError(f"{path} embeds nothing")

    def compute() -> Features:
        with progress_bars() as progress:
            bar = progress.add_task("embed (photographs)", total=benchmark.pictures.count)
            return extract(
                embedder,
                benchmark.pictures.image,
                benchmark.pictures.count,
                batch_size=settings.batch_size,
                flip=settings.flip,
                workers=settings.workers,
                after_batch=lambda count: progress.advance(bar, count),
            )

    if not settings.cache:
        return compute()
    depends_on = (recogniser.sha256, recogniser.contract.model_dump_json(), settings.flip, settings.device, benchmark.pictures.stamp())
    return kept(" ".join(map(str, depends_on)), compute)


def compared(measured: "list[Measured]") -> "list[Compared]":
    """The models of each benchmark side by side; the first is compared with each other one."""
    from facenas.report.comparison import Compared

    result = []
    for name in dict.fromkeys(one.name for one in measured):
        those = {str(one.model): one for one in measured if one.name == name}
        first, *others = those.values()
        result.append(
            Compared(
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
        remark(f"{first.name}: {first.model} and {other.model} have seen different people, so their questions differ and are not compared")
        return []
    result = []
    for mine, yours in zip(ours, theirs, strict=True):
        found = difference(mine, yours, replicates=first.settings.replicates, seed=first.settings.seed)
        named = {"rate": mine.rate, "first": str(first.model), "second": str(other.model)}
        result.append(named | {"value": found.value, "low": found.interval.low, "high": found.interval.high, "p": found.p})
    return result
