"""`facenas export`: write a trained network for deployment."""

from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

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
    remark,
)
from facenas.errors import SettingsError
from facenas.files import write_json

if TYPE_CHECKING:
    from rich.table import Table

    from facenas.cli.checking import Check
    from facenas.data import InputContract
    from facenas.export import FormatSection

OF_FORMAT = "format."
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
    from facenas.cli.checking import checked_on
    from facenas.data.faces import told_size
    from facenas.eval.embed import METADATA_KEY
    from facenas.export import ExportError, export_network
    from facenas.export.insightface_pack import is_read, write_pack
    from facenas.training.device import make_fabric
    from facenas.training.models import load_model

    form = format_of(kind, assignments)
    if pack and form.opset is None:
        raise SettingsError(f"an insightface pack holds an ONNX file, got --format {kind}; leave --insightface-pack out")
    network, card = load_model(model)
    given = overrides([one for one in assignments if not one.strip().startswith(OF_FORMAT)], seed=seed, device=device)
    check = checked_on(model, card, check_on, config=config, given=given, data_root=data_root)
    raw = taken == "raw" or pack is not None
    file = (run or (model if model.is_dir() else model.parent)) / f"model{'-raw' if raw else ''}{form.suffix}"
    judged: dict[str, Any] = {}

    def judge(runner: Any, contract: "InputContract") -> None:
        judged.update(check.judge(runner, contract, network, card.input))
        if max_drop is not None and judged["benchmark"]["drop"] > max_drop:
            raise ExportError(
                f"{kind} loses {percent(judged['benchmark']['drop'])} on {check.name}, more than --max-accuracy-drop {max_drop:g} allows; "
                "nothing was written"
            )

    remark(f"exporting, then comparing with torch on {len(check.images)} images and on {check.name} ...")
    done = export_network(
        network,
        file,
        kind=form,
        contract=card.input,
        raw=raw,
        images=check.images,
        calibration=check.calibration,
        metadata=lambda contract: {METADATA_KEY: card.model_copy(update={"input": contract}).model_dump_json()},
        device=make_fabric(check.device, "fp32").device,
        judge=judge,
    )
    result: dict[str, Any] = {
        "file": str(file),
        "format": kind,
        "bytes": file.stat().st_size,
        "sha256": sha256(file.read_bytes()).hexdigest(),
        "opset": done.opset,
        "input": done.contract.model_dump(mode="json"),
        "parity": asdict(done.parity),
        "float_layers": done.float_layers,
        **judged,
    }
    if pack:
        write_pack(pack, file, size=done.contract.size, dimension=judged["dimension"])
        result["insightface_pack"] = str(pack)
        if not is_read(done.contract.size):
            remark(
                f"insightface ignores files for {told_size(done.contract.size)} pixels: it reads squares of 112 or more, in multiples of 16"
            )
    write_json(file.with_name(f"{file.name}.json"), result)
    if as_json:
        print_json(result)
    else:
        print_result(report(result, check))
        print_result(f"-> {file}")


def format_of(name: str, assignments: list[str]) -> "FormatSection":
    """The format of a name, with what `--set format.KEY=VALUE` says of it."""
    from facenas.export import FORMATS
    from facenas.settings import assigned

    given = [one.strip().removeprefix(OF_FORMAT) for one in assignments if one.strip().startswith(OF_FORMAT)]
    made: FormatSection = assigned(FORMATS.get(name), {"name": name}, given, told=f"--format {name}")
    return made


def report(result: dict[str, Any], check: "Check") -> "Table":
    """What became of a network on its way into a file."""
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
    """The opset as people read it."""
    return f", opset {number}" if number else ""
