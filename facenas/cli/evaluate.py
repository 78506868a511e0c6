"""`facenas eval`: measure a model on a benchmark."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from facenas.cli.common import (
    ConfigFile,
    DataRoot,
    Device,
    Json,
    Model,
    Run,
    Seed,
    Set,
    overrides,
    percent,
    print_json,
    print_result,
    progress_bars,
    remark,
)
from facenas.errors import SettingsError, nearest
from facenas.files import write_json
from facenas.settings import load, presets

if TYPE_CHECKING:
    from facenas.data.faces import Images
    from facenas.eval import Verification
    from facenas.eval.embed import Embeddings
    from facenas.eval.settings import EvalSettings

TEST = "test"
Bench = Annotated[str, typer.Option("--benchmark", help="orl, folder or synthetic; test: the test set of a classifier's data.")]
Baselines = Annotated[bool, typer.Option("--baselines", help="Also raw pixels, eigenfaces and fisherfaces on the same pairs.")]


def evaluate(
    model: Model,
    benchmark: Bench = "orl",
    config: ConfigFile = None,
    assignments: Set = [],
    run: Run = None,
    seed: Seed = None,
    device: Device = None,
    baselines: Baselines = False,
    data_root: DataRoot = None,
    as_json: Json = False,
) -> None:
    """Measure a face model on people that it has not seen, or a classifier on its test set.

    Example: facenas eval --model runs/orl-model --benchmark orl --baselines
    """
    if benchmark == TEST:
        report_test(model, run, device, data_root, as_json=as_json)
        return
    from facenas.eval.settings import EvalSettings

    shipped = presets("eval")
    if benchmark not in shipped:
        raise SettingsError(f"unknown benchmark {benchmark!r}; {nearest(benchmark, [*shipped, TEST])}")
    settings = load(EvalSettings, command="eval", preset=config or benchmark, overrides=overrides(assignments, seed=seed, device=device))
    results = measure(model, settings, baselines=baselines)
    file = report_file(model, run, benchmark)
    report = {benchmark: asdict(results.pop("model"))} | {"baselines": {name: asdict(result) for name, result in results.items()}}
    write_json(file, {**report, "settings": settings.model_dump(mode="json"), "model": str(model)})
    if as_json:
        print_json(report)
        return
    print_result(table(benchmark, report))
    print_result(f"-> {file}")


def report_test(model: Path, run: Path | None, device: Device, data_root: str | None, *, as_json: bool) -> None:
    """Classify the test set of the classifier's data, and say so."""
    from facenas.cli.loading import load_classifier
    from facenas.eval.classification import classification_accuracy

    classifier = load_classifier(model, device or "auto")
    data = classifier.data.at(data_root) if data_root else classifier.data
    test = data.test()
    remark(f"classifying the {len(test)} test images of {data.name} ...")
    result = asdict(classification_accuracy(classifier.embedder, test))
    file = report_file(model, run, TEST)
    write_json(file, {TEST: result, "data": data.model_dump(mode="json"), "model": str(model)})
    if as_json:
        print_json({TEST: result})
        return
    share = f"{percent(result['accuracy'])} (95 % confidence: {percent(result['low'])} to {percent(result['high'])})"
    print_result(f"test accuracy on {data.name}: {result['correct']} of {result['total']}, {share} -> {file}")


def report_file(model: Path, run: Path | None, benchmark: str) -> Path:
    """Where the result of a benchmark is written."""
    folder = run or (model if model.is_dir() else model.parent)
    return folder / "eval" / (f"{benchmark}-onnx.json" if model.suffix == ".onnx" else f"{benchmark}.json")


def measure(model: Path, settings: "EvalSettings", *, baselines: bool) -> "dict[str, Verification]":
    """The model's result under `model`, then the baselines' under their names."""
    from facenas.cli.loading import load_recogniser
    from facenas.eval import embed_images
    from facenas.eval.benchmark import make_benchmark, run_baselines, run_benchmark

    recogniser = load_recogniser(model, settings.input, settings.device)
    if recogniser.remark:
        remark(recogniser.remark)
    seen = {one.dataset: one.identities for one in recogniser.seen}
    data = make_benchmark(settings, size=recogniser.contract.size, seen=seen)
    with progress_bars() as progress:
        bar = progress.add_task("embed (photographs)", total=len(data.test))

        def embed(images: "Images") -> "Embeddings":
            progress.advance(bar, len(images) / (2 if settings.flip else 1))
            return recogniser.embedder(images)

        result = run_benchmark(data, lambda images: embed_images(embed, images, batch_size=settings.batch_size, flip=settings.flip))
    return {"model": result} | (run_baselines(data) if baselines else {})


def table(benchmark: str, report: "dict[str, dict[str, Any]]") -> Table:
    """Accuracy, AUC, EER and TAR@FAR of the model and the baselines."""
    named = {"this model": report[benchmark], **report["baselines"]}
    fars = list(report[benchmark]["tar_at_far"])
    columns = ["recogniser", "accuracy", "AUC", "EER", *(f"TAR@FAR {far}" for far in fars)]
    result = Table(*columns, title=f"{benchmark}: {report[benchmark]['pairs']} pairs, ten folds")
    for name, row in named.items():
        accuracy = f"{percent(row['accuracy'])} +- {percent(row['std'])}"
        result.add_row(name, accuracy, f"{row['auc']:.4f}", percent(row["eer"]), *(percent(row["tar_at_far"][far]) for far in fars))
    return result
