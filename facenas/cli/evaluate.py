"""`facenas eval`: measure models on benchmarks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facenas.cli.common import ConfigFile, Device, Json, Run, Seed, Set, print_json, print_result
from facenas.errors import SettingsError
from facenas.words import percent

if TYPE_CHECKING:
    from rich.table import Table

    from facenas.api import EvalResult, ModelComparison

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
    from facenas import api

    paths = [Path(one) for one in [*model, *(models or [])]]
    if not paths or (len(paths) > 1 and not compare):
        raise SettingsError(f"give one model with --model, or several after --compare; got {len(paths)}")
    given: dict[str, Any] = {"data": data, "config": config, "set": assignments, "run": run}
    given |= {"baselines": baselines, "seed": seed, "device": device, "progress": True}
    names = [name.strip() for name in benchmark.split(",")]
    if compare:
        tell_comparison(api.compare_models(paths, names, **given), as_json=as_json)
        return
    done = api.evaluate_models(paths, names, **given)
    if as_json:
        print_json({one.benchmark: one.report[one.benchmark] for one in done} | _baselines(done[-1]))
        return
    for one in done:
        tell(one)


def tell(one: "EvalResult") -> None:
    """Print what a model is worth on a benchmark."""
    from facenas.eval.classification import Classification

    if isinstance(one.result, Classification):
        found = one.result
        share = f"{percent(found.accuracy)} (95 % confidence: {percent(found.low)} to {percent(found.high)})"
        told, kept = f"{found.correct} of {found.total}, {share}", f" -> {one.file}" if one.file else ""
        print_result(f"test accuracy on {one.report['data']['name']}: {told}{kept}")
        return
    print_result(table(one))
    if one.file:
        print_result(f"-> {one.file}")


def _baselines(one: "EvalResult") -> dict[str, Any]:
    """The baselines' part of a report."""
    return {"baselines": one.report["baselines"]} if one.baselines else {}


def tell_comparison(done: "ModelComparison", *, as_json: bool) -> None:
    """Print models side by side, with the paper's networks, and what the differences are worth."""
    from rich.table import Table

    from facenas.report.comparison import table as rows_of

    if as_json:
        print_json({one.name: {"models": one.reports, "differences": one.differences} for one in done.benchmarks})
        return
    columns, rows, published = rows_of(done.benchmarks)
    result = Table("model", *columns, title="percent")
    for row in [*rows, *published]:
        result.add_row(*row)
    print_result(result)
    for sentence in (sentence for one in done.benchmarks for sentence in one.sentences):
        print_result(sentence)
    print_result(f"-> {done.page}")


def table(one: "EvalResult") -> "Table":
    """A table of the figures of a model and of the baselines."""
    from rich.table import Table

    from facenas.eval.result_table import table_of

    told = table_of(one.result, one.benchmark, _baselines(one).get("baselines", {}))
    result = Table(*told.columns, title=told.title or None, caption=told.caption or None)
    for row in told.rows:
        result.add_row(*row)
    return result
