"""`facenas eval`: measure models on benchmarks."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facenas.api.words import percent
from facenas.cli.common import ConfigFile, Device, Json, Run, Seed, Set, overrides, print_json, print_result, remark
from facenas.errors import DataError, SettingsError, nearest
from facenas.files import replacing, write_text

if TYPE_CHECKING:
    from rich.table import Table

    from facenas.api.measuring import Measured
    from facenas.eval.settings import EvalSettings

TEST, ALL = "test", "all"
Models = Annotated[list[str], typer.Option("--model", help="Folder of a training run, an ONNX file, timm:NAME, or embeddings (.npy).")]
Others = Annotated[list[str] | None, typer.Argument(help="Models to compare, with --compare.")]
Compare = Annotated[bool, typer.Option("--compare", help="Put several models side by side: a table, pictures, a page, differences.")]
Bench = Annotated[
    str,
    typer.Option(
        "--benchmark",
        help="lfw, cfp_fp, cplfw, agedb_30, calfw, ijbb, ijbc, tinyface, orl, folder, pairs, "
        "test (a classifier's test set), several with commas, or all that --data has.",
    ),
]
Data = Annotated[str | None, typer.Option("--data", "--data-root", help="Folder of the benchmark's files, or the file itself.")]
Baselines = Annotated[bool, typer.Option("--baselines", help="Also raw pixels, eigenfaces and fisherfaces on the same pairs.")]


def evaluate(
    models: Others = None,
    model: Models = [],
    benchmark: Bench = "orl",
    data: Data = None,
    compare: Compare = False,
    config: ConfigFile = None,
    assignments: Set = [],
    run: Run = None,
    seed: Seed = None,
    device: Device = None,
    baselines: Baselines = False,
    as_json: Json = False,
) -> None:
    """Measure a face model on people that it has not seen, or a classifier on its test set.

    Example: facenas eval --model runs/orl-model --baselines, or facenas eval --compare a.onnx b.onnx --benchmark all --data DIR
    """
    from facenas.api.measuring import measure

    paths = [Path(one) for one in [*model, *(models or [])]]
    if not paths or (len(paths) > 1 and not compare):
        raise SettingsError(f"give one model with --model, or several after --compare; got {len(paths)}")
    names = named(benchmark)
    if names == [TEST]:
        settings_given = {"--config": config is not None, "--set": bool(assignments), "--seed": seed is not None}
        refuse({"--compare": compare, **settings_given, "--baselines": baselines})
        report_test(paths[0], run, device, data, as_json=as_json)
        return
    given = overrides(assignments, seed=seed, device=device, **({"data.root": data} if data else {}))
    settings = {name: settings_of(name, config, given) for name in (present(given) if names == [ALL] else names)}
    measured: list[Measured] = []
    files: list[Path | None] = []
    classic: dict[str, Any] = {}
    for name, how in settings.items():
        told = set[str]()
        for path in paths:
            one = measure(path, name, how, told=told)
            classic = {"baselines": classical(one)} if baselines else {}
            files.append(stored(report_file(path, run, name), name, {name: one.report} | classic))
            measured.append(one)
    if compare:
        side_by_side(measured, run or Path("comparison"), as_json=as_json)
        return
    report = {one.name: one.report for one in measured} | classic
    if as_json:
        print_json(report)
        return
    for one, file in zip(measured, files, strict=True):
        print_result(table(one, report.get("baselines", {})))
        if file:
            print_result(f"-> {file}")


def named(benchmark: str) -> list[str]:
    """The benchmarks that a user names, each once, whichever way its name is written.

    Raises:
        SettingsError: If one of them stands for itself alone.
    """
    from facenas.data.benchmarks.verification_set import benchmark_name

    names = list(dict.fromkeys(benchmark_name(name.strip()) for name in benchmark.split(",")))
    if len(names) > 1 and TEST in names:
        others = ",".join(name for name in names if name != TEST)
        raise SettingsError(
            f"--benchmark {TEST} is for classifiers and {others} for face models, and no model is both; measure each with its own"
        )
    if len(names) > 1 and ALL in names:
        raise SettingsError(
            f"--benchmark {ALL} measures every benchmark that is there; give it alone, or the benchmarks by name, got {benchmark}"
        )
    return names


def settings_of(name: str, config: str | None, given: list[str]) -> "EvalSettings":
    """The settings of a benchmark."""
    from facenas.eval.settings import EvalSettings
    from facenas.settings import load, presets

    shipped = presets("eval")
    if name not in shipped:
        raise SettingsError(f"unknown benchmark {name!r}; {nearest(name, [*shipped, TEST, ALL])}")
    return load(EvalSettings, command="eval", preset=config or name, overrides=given)


def present(given: list[str]) -> list[str]:
    """The benchmarks whose files are there; the others are told.

    Raises:
        DataError: If there is none.
    """
    from facenas.data.benchmarks.settings import IjbFiles, TinyFaceFiles, VerificationFiles
    from facenas.settings import presets

    found, absent = list[str](), list[str]()
    for name in presets("eval"):
        source = settings_of(name, None, given).data if name not in {"synthetic", "orl", "folder"} else None
        if isinstance(source, VerificationFiles | IjbFiles | TinyFaceFiles):
            (found if source.present() else absent).append(name)
    if not found:
        raise DataError(f"--data has none of {', '.join(absent)}; give the folder that their files are in")
    if absent:
        remark(f"not there, left out: {', '.join(absent)}")
    return found


def classical(measured: "Measured") -> dict[str, Any]:
    """Raw pixels, eigenfaces and fisherfaces on the same pairs."""
    from facenas.eval.drawn import run_baselines
    from facenas.eval.verification import PairBenchmark

    if not isinstance(measured.benchmark, PairBenchmark):
        raise DataError(f"baselines learn from people of the same data set, {measured.name} has none to learn from; leave --baselines out")
    return {name: asdict(result) for name, result in run_baselines(measured.benchmark).items()}


def side_by_side(measured: "list[Measured]", folder: Path, *, as_json: bool) -> None:
    """A table with the paper's networks, pictures, one page, and what the differences are worth."""
    from rich.table import Table

    from facenas.api.measuring import compared
    from facenas.report.comparison import page, pictures
    from facenas.report.comparison import table as rows_of

    benchmarks = compared(measured)
    drawn = {one.name: pictures(one) for one in benchmarks}
    for name, picture in ((f"{name}-{kind}.png", picture) for name, those in drawn.items() for kind, picture in those.items()):
        with replacing(folder / name) as temporary:
            temporary.write_bytes(picture)
    write_text(folder / "comparison.html", page(benchmarks, drawn))
    if as_json:
        print_json({one.name: {"models": one.reports, "differences": one.differences} for one in benchmarks})
        return
    columns, rows, published = rows_of(benchmarks)
    result = Table("model", *columns, title="percent")
    for row in [*rows, *published]:
        result.add_row(*row)
    print_result(result)
    for sentence in (sentence for one in benchmarks for sentence in one.sentences):
        print_result(sentence)
    print_result(f"-> {folder / 'comparison.html'}")


def refuse(options: dict[str, bool]) -> None:
    """Refuse those of the options that were given: a classifier's test set has no use for them."""
    if any(options.values()):
        given = ", ".join(name for name, is_given in options.items() if is_given)
        raise SettingsError(f"--benchmark {TEST} takes one model and no settings; leave out {given}")


def report_test(model: Path, run: Path | None, device: Device, data_root: str | None, *, as_json: bool) -> None:
    """Classify the test set of the classifier's data, and say so."""
    from facenas.eval.classification import classification_accuracy
    from facenas.recognition.models import load_classifier

    classifier = load_classifier(model, device or "auto")
    data = classifier.data.at(data_root) if data_root else classifier.data
    test = data.test()
    remark(f"classifying the {len(test)} test images of {data.name} ...")
    result = asdict(classification_accuracy(classifier.embedder, test))
    file = report_file(model, run, TEST)
    kept = stored(file, TEST, {TEST: result, "data": data.model_dump(mode="json"), "model": str(model)})
    if as_json:
        print_json({TEST: result})
        return
    share = f"{percent(result['accuracy'])} (95 % confidence: {percent(result['low'])} to {percent(result['high'])})"
    print_result(f"test accuracy on {data.name}: {result['correct']} of {result['total']}, {share}" + (f" -> {kept}" if kept else ""))


def stored(file: Path, name: str, content: dict[str, Any]) -> Path | None:
    """Where the result of a benchmark was written; None, and a remark, where nothing can be written."""
    from facenas.recognition.thresholds import keep_report

    try:
        return keep_report(file, name, content)
    except OSError as error:
        remark(f"the result cannot be kept at {file} ({error.strerror}); give another folder with --run")
        return None


def report_file(model: Path, run: Path | None, benchmark: str) -> Path:
    """Where the result of a benchmark is written."""
    beside = model if model.is_dir() else model.parent if model.exists() else Path()
    of_file = "" if model.is_dir() else f"-{model.name.replace(':', '-')}"  # files lie side by side: model.onnx, model-int8.onnx
    return (run or beside) / "eval" / f"{benchmark}{of_file}.json"


def table(one: "Measured", baselines: dict[str, Any]) -> "Table":
    """The figures of a model, and of the baselines."""
    from rich.table import Table

    from facenas.data.benchmarks.verification_set import FOLDS
    from facenas.eval.resolution import in_words
    from facenas.eval.verification import Verification

    if not isinstance(one.result, Verification):
        return figures(one)
    folds = "ten folds" if one.result.pairs >= FOLDS else f"{one.result.pairs} folds"
    caption = f"{in_words(one.result.correct, one.result.pairs)}"
    named = {"this model": asdict(one.result), **baselines}
    fars = list(one.result.tar_at_far)
    columns = ["recogniser", "accuracy", "AUC", "EER", *(f"TAR@FAR {far}" for far in fars)]
    result = Table(*columns, title=f"{one.name}: {one.result.pairs} pairs, {folds}", caption=caption)
    for name, row in named.items():
        between = "" if row["accuracy_low"] is None else f" [{percent(row['accuracy_low'])[:-2]}, {percent(row['accuracy_high'])[:-2]}]"
        accuracy = f"{percent(row['accuracy'])} +- {percent(row['std'])}{between}"
        result.add_row(name, accuracy, f"{row['auc']:.4f}", percent(row["eer"]), *(percent(row["tar_at_far"][far]) for far in fars))
    return result


def figures(one: "Measured") -> "Table":
    """Whatever a result holds, one a row."""
    from rich.table import Table

    result = Table(one.name, "")
    for key, value in asdict(one.result).items():  # type: ignore[call-overload]
        rates = value if isinstance(value, dict) else {"": value}
        for at, rate in rates.items():
            result.add_row(
                f"{key} {at}".strip(), percent(rate) if isinstance(rate, float) else f"{rate:,}" if isinstance(rate, int) else rate
            )
    return result
