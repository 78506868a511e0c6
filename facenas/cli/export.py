"""`facenas export`: write a trained network for deployment."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from facenas.cli.common import ConfigFile, DataRoot, Device, Json, Model, Run, Seed, Set, overrides, print_json, print_result
from facenas.words import percent

if TYPE_CHECKING:
    from rich.table import Table

    from facenas.api.checking import Check

CheckOn = Annotated[str, typer.Option("--check-on", help="Benchmark that the file is checked on: orl, folder, synthetic, {benchmarks}.")]
Kind = Annotated[str, typer.Option("--format", help="What is written: {formats}. Its settings: --set format.least_cosine=0.999.")]
Input = Annotated[
    Literal["contract", "raw"],
    typer.Option("--input", help="raw: the file takes RGB values from 0 to 255 as they are, as insightface and OpenCV give them."),
]
Pack = Annotated[Path | None, typer.Option("--insightface-pack", help="Also write this folder for insightface 2; implies --input raw.")]
Drop = Annotated[
    float | None, typer.Option("--max-accuracy-drop", min=0, help="Fail if a rate of the benchmark falls by more, a fraction: 0.002.")
]


def export(
    model: Model,
    kind: Kind = "onnx",
    taken: Input = "contract",
    pack: Pack = None,
    check_on: CheckOn = "orl",
    max_drop: Drop = None,
    config: ConfigFile = None,
    assignments: Set = [],
    run: Run = None,
    seed: Seed = None,
    device: Device = None,
    data_root: DataRoot = None,
    as_json: Json = False,
) -> None:
    """Write a trained model as one file, checked against torch on real images and on a benchmark before it is called done.

    Example: facenas export --model runs/orl-model --format onnx-int8 --max-accuracy-drop 0.002
    """
    from facenas import api

    done = api.export(
        model,
        kind,
        input=taken,
        insightface_pack=pack,
        check_on=check_on,
        max_accuracy_drop=max_drop,
        config=config,
        set=overrides(assignments, seed=seed),
        run=run,
        device=device,
        data_root=data_root,
        progress=True,
    )
    if as_json:
        print_json(done.report)
    else:
        print_result(report(done.report, done.check))
        print_result(f"-> {done.file}")


def report(result: dict[str, Any], check: "Check") -> "Table":
    """A table of what an exported file is and how it compares with the network."""
    from rich.table import Table

    table = Table("", "torch", "file", title=f"{Path(result['file']).name}, {result['format']}" + opset(result["opset"]))
    parity, benchmark, latency = result["parity"], result["benchmark"], result["latency_ms"]
    table.add_row(f"cosine of {parity['images']} images, least", "", f"{parity['min_cosine']:.7f}")
    table.add_row("mean", "", f"{parity['mean_cosine']:.7f}")
    for rate, before in benchmark["before"].items():
        table.add_row(
            f"{check.name}{rate}{'' if check.unseen else ', people that it has seen'}", percent(before), percent(benchmark["after"][rate])
        )
    table.add_row("size", "", f"{result['bytes'] / 1e6:.2f} MB")
    table.add_row(f"latency of one image, {latency['threads']} threads", f"{latency['torch']:.2f} ms", f"{latency['file']:.2f} ms")
    if result["float_layers"]:
        table.add_row("layers left in float32", "", str(len(result["float_layers"])))
    return table


def opset(number: int | None) -> str:
    """The ONNX opset as people read it."""
    return f", opset {number}" if number else ""
