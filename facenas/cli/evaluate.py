"""`facenas eval`: measure models on benchmarks."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facenas.api.words import percent
from facenas.cli.common import ConfigFile, Device, Json, Run, Seed, Set, print_json, print_result
from facenas.errors import SettingsError

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
    print_result(table(one, _baselines(one).get("baselines", {})))
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


def table(one: "EvalResult", baselines: dict[str, Any]) -> "Table":
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
    result = Table(*columns, title=f"{one.benchmark}: {one.result.pairs} pairs, {folds}", caption=caption)
    for name, row in named.items():
        between = "" if row["accuracy_low"] is None else f" [{percent(row['accuracy_low'])[:-2]}, {percent(row['accuracy_high'])[:-2]}]"
        accuracy = f"{percent(row['accuracy'])} +- {percent(row['std'])}{between}"
        result.add_row(name, accuracy, f"{row['auc']:.4f}", percent(row["eer"]), *(percent(row["tar_at_far"][far]) for far in fars))
    return result


def figures(one: "EvalResult") -> "Table":
    """Whatever a result holds, one a row."""
    from rich.table import Table

    result = Table(one.benchmark, "")
    for key, value in asdict(one.result).items():
        rates = value if isinstance(value, dict) else {"": value}
        for at, rate in rates.items():
            result.add_row(
                f"{key} {at}".strip(), percent(rate) if isinstance(rate, float) else f"{rate:,}" if isinstance(rate, int) else rate
            )
    return result
