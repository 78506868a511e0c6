"""`facenas quickstart`: search, train, evaluate and export on real photographs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facenas.cli.common import Device, Json, Run, print_json, print_result
from facenas.words import millions, percent

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
    from facenas import api
    from facenas.cli import search, train

    done = api.quickstart(run or Path("quickstart"), seed=seed, device=device, progress=True)
    result = {
        "seed": seed,
        "seconds": done.seconds,
        "search": search.plain(done.search),
        "train": train.plain(done.train),
        "orl": done.orl.report["orl"],
        "orl_onnx": done.orl_onnx.report["orl"],
        "baselines": done.orl.report["baselines"],
        "export": done.export.report,
    }
    if as_json:
        print_json(result)
        return
    print_result(_table(result))
    files = (done.search.file, done.search.folder / "journal.db", *done.train.files, done.orl.file, done.export.file)
    print_result(f"{done.seconds:.0f} s in all. What it made:\n" + "\n".join(f"  {file}" for file in files))


def _table(result: dict[str, Any]) -> "Table":
    found = result["search"]["architecture"]
    from rich.table import Table

    names = {"searched backbone": result["orl"], "searched backbone, ONNX": result["orl_onnx"], **result["baselines"]}
    size = f"depth {found['depth']}, width {found['width']}, {millions(result['search']['parameters'])} parameters"
    table = Table("recogniser", "accuracy", "AUC", "EER", title=f"{result['orl']['pairs']} pairs of people none has seen ({size})")
    for name, row in names.items():
        table.add_row(name, f"{percent(row['accuracy'])} +- {percent(row['std'])}", f"{row['auc']:.4f}", percent(row["eer"]))
    return table
