"""`facenas eval`: measure models on benchmarks."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facenas.cli.common import ConfigFile, Device, Json, Run, Seed, Set, overrides, percent, print_json, print_result, remark
from facenas.errors import DataError, SettingsError
from facenas.files import replacing, write_text

if TYPE_CHECKING:
    from rich.table import Table

    from facenas.cli.measuring import Measured
    from facenas.eval.settings import EvalSettings

TEST, ALL = "test", "all"
Models = Annotated[list[str], typer.Option("--model", help="Folder of a training run, an ONNX file, timm:NAME, or embeddings (.npy).")]
Others = Annotated[list[str] | None, typer.Argument(help="Models to compare, with --compare.")]
Compare = Annotated[bool, typer.Option("--compare", help="Put several models side by side: a table, pictures, a page, differences.")]
Bench = Annotated[
    str,
    typer.Option(
        "--benchmark",
        help="{benchmarks}; faces such as orl or folder, of which pairs are drawn; test: a classifier's test set; "
        "several with commas, or all that --data has.",
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
    from facenas.cli.measuring import measure

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
            classic = classical(one) if baselines else {}
            files.append(stored(report_file(path, run, name), name, {name: one.report} | told_of(classic)))
            measured.append(one)
    if compare:
        side_by_side(measured, run or Path("comparison"), as_json=as_json)
        return
    if as_json:
        print_json({one.name: one.report for one in measured} | told_of(classic))
        return
    for one, file in zip(measured, files, strict=True):
        print_result(table(one, classic))
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
    from facenas.eval.settings import eval_settings

    return eval_settings(name, config=config, overrides=given, also=[TEST, ALL])


def present(given: list[str]) -> list[str]:
    """The benchmarks whose files are there; the others are told.

    Raises:
        DataError: If there is none.
    """
    from facenas.eval.settings import benchmarks_present

    found, absent = benchmarks_present(given)
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
    return dict(run_baselines(measured.benchmark))


def told_of(baselines: dict[str, Any]) -> dict[str, Any]:
    """The baselines' part of a report."""
    return {"baselines": {name: asdict(result) for name, result in baselines.items()}} if baselines else {}


def side_by_side(measured: "list[Measured]", folder: Path, *, as_json: bool) -> None:
    """A table with the paper's networks, pictures, one page, and what the differences are worth."""
    from rich.table import Table

    from facenas.cli.measuring import compared
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


def table(one: "Measured", others: dict[str, Any]) -> "Table":
    """The figures of a model, and of the baselines."""
    from rich.table import Table

    from facenas.eval.result_table import table_of

    told = table_of(one.result, one.name, others)
    result = Table(*told.columns, title=told.title or None, caption=told.caption or None)
    for row in told.rows:
        result.add_row(*row)
    return result
