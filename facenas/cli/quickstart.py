"""`facenas quickstart`: search, train, evaluate and export on real photographs, as four commands."""

import json
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facenas.api.words import millions, percent
from facenas.cli.common import Device, Json, Run, print_json, print_result, remark

if TYPE_CHECKING:
    from rich.table import Table


def quickstart(
    run: Run = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed, also of the choice of test people.")] = 0,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Search, train, evaluate and export a face backbone on the 400 ORL photographs: at most 5 minutes on two CPU cores.

    Example: facenas quickstart --run quickstart --seed 0
    """
    folder = run or Path("quickstart")
    start = time.perf_counter()
    shared = ["--seed", str(seed), "--set", f"data.split_seed={seed}", *(["--device", device] if device else [])]
    found, model = str(folder / "search"), str(folder / "model")
    searched = _step("search", "--config", "quickstart", "--run", found, *shared)
    trained = _step("train", "--config", "quickstart", "--architecture", f"{found}/architecture.json", "--run", model, *shared)
    measured = _step("eval", "--model", model, "--benchmark", "orl", "--baselines")
    exported = _step("export", "--model", model)
    deployed = _step("eval", "--model", f"{model}/model.onnx", "--benchmark", "orl")
    seconds = time.perf_counter() - start
    result = {
        "seed": seed,
        "seconds": seconds,
        "search": searched,
        "train": trained,
        "orl": measured["orl"],
        "orl_onnx": deployed["orl"],
        "baselines": measured["baselines"],
        "export": exported,
    }
    if as_json:
        print_json(result)
        return
    print_result(_table(result))
    files = (searched["file"], f"{found}/journal.db", *trained["files"], f"{model}/eval/orl.json", exported["file"])
    print_result(f"{seconds:.0f} s in all. What it made:\n" + "\n".join(f"  {file}" for file in files))


def _step(*arguments: str) -> Any:
    """Run one command as a person would, showing it, and return its JSON."""
    import contextlib
    import io

    from facenas.cli import app

    remark(f"\n$ facenas {shlex.join(arguments)}")
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        code = app(args=[*arguments, "--json"], standalone_mode=False, prog_name="facenas")
    if code:
        raise typer.Exit(code)
    return json.loads(output.getvalue())


def _table(result: dict[str, Any]) -> "Table":
    found = result["search"]["architecture"]
    from rich.table import Table

    names = {"searched backbone": result["orl"], "searched backbone, ONNX": result["orl_onnx"], **result["baselines"]}
    size = f"depth {found['depth']}, width {found['width']}, {millions(result['search']['parameters'])} parameters"
    table = Table("recogniser", "accuracy", "AUC", "EER", title=f"{result['orl']['pairs']} pairs of people none has seen ({size})")
    for name, row in names.items():
        table.add_row(name, f"{percent(row['accuracy'])} +- {percent(row['std'])}", f"{row['auc']:.4f}", percent(row["eer"]))
    return table
