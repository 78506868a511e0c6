"""`facenas bench`: latency and throughput of models side by side."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facenas.cli.common import Json, print_json, print_result, remark
from facenas.errors import ModelError, SettingsError
from facenas.files import write_json

if TYPE_CHECKING:
    from collections.abc import Callable

Models = Annotated[list[Path], typer.Argument(help="ONNX files of any origin, or folders of training runs.")]
Batches = Annotated[list[int], typer.Option("--batch", min=1, help="Images at a time; may be repeated.")]
Threads = Annotated[list[int], typer.Option("--threads", min=1, help="Threads; may be repeated. Default: 1, and as many as cores.")]
Providers = Annotated[list[str], typer.Option("--provider", help="Of onnxruntime: cpu, cuda, ...; may be repeated.")]
Compile = Annotated[bool, typer.Option("--compile", help="Runs also with torch.compile, which takes a minute each.")]
Rounds = Annotated[int, typer.Option("--rounds", min=1, help="Turns of each model; they are taken in turns.")]
USUAL = 112  # side of an image where a file leaves its size open
INSTRUCTIONS = {"AVX2": "avx2", "AVX-512": "avx512f", "AVX-512 bf16": "avx512_bf16", "VNNI": "avx512_vnni", "AVX-VNNI": "avx_vnni"}
Out = Annotated[Path | None, typer.Option("--out", help="Also write the JSON here.")]


def bench(
    models: Models,
    batch: Batches = [1, 8, 32],
    threads: Threads = [],
    provider: Providers = ["cpu"],
    compiled: Compile = False,
    rounds: Rounds = 5,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Measure how fast models are on this machine: latency of a batch (median and 95th percentile) and images per second.

    Example: facenas bench runs/orl-model runs/orl-model/model.onnx runs/orl-model/model-int8.onnx --batch 1
    """
    from rich.table import Table

    cores = os.cpu_count() or 1
    rows: list[dict[str, Any]] = []
    for count in threads or sorted({1, cores}):
        if count > cores:
            raise SettingsError(f"this machine has {cores} cores, got --threads {count}; give at most {cores}")
        ways = [way for model in models for way in _ways(model, count, provider, compiled=compiled)]
        for size in batch:
            remark(f"{count} threads, batches of {size}: {len(ways)} models in {rounds} turns ...")
            rows += _measured(ways, size=size, threads=count, rounds=rounds)
    if out:
        write_json(out, {"rows": rows, "cpu": machine()})
    if as_json:
        print_json({"rows": rows, "cpu": machine()})
        return
    table = Table("model", "by", "threads", "batch", "median", "95 % below", "images/s", title=machine())
    for row in rows:
        times = (f"{row[key]:.2f} ms" for key in ("p50_ms", "p95_ms"))
        table.add_row(row["model"], row["by"], str(row["threads"]), str(row["batch"]), *times, f"{row['images_per_s']:,.1f}")
    print_result(table)


def _measured(ways: "list[tuple[str, str, Callable[[int], Callable[[], object]]]]", *, size: int, threads: int, rounds: int) -> list[Any]:
    import numpy as np

    from facenas.export.rounds import in_rounds

    calls = {f"{number}": call(size) for number, (_, _, call) in enumerate(ways)}
    seconds = [np.concatenate(times) for times in in_rounds(calls, rounds=rounds).values()]
    return [
        {
            "model": model,
            "by": by,
            "threads": threads,
            "batch": size,
            "p50_ms": 1e3 * float(np.median(taken)),
            "p95_ms": 1e3 * float(np.percentile(taken, 95)),
            "images_per_s": size * len(taken) / float(taken.sum()),
            "calls": len(taken),
        }
        for (model, by, _), taken in zip(ways, seconds, strict=True)
    ]


def _ways(
    model: Path, threads: int, providers: list[str], *, compiled: bool
) -> "list[tuple[str, str, Callable[[int], Callable[[], object]]]]":
    """Every way to run a model: its name, what runs it, and what makes a call for a batch size."""
    if model.suffix == ".onnx":
        return [(str(model), f"onnxruntime {name}", _by_onnxruntime(model, threads, name)) for name in providers]
    by_torch = [(str(model), "torch", _by_torch(model, threads, compiled=False))]
    return by_torch + ([(str(model), "torch.compile", _by_torch(model, threads, compiled=True))] if compiled else [])


def _by_onnxruntime(model: Path, threads: int, provider: str) -> "Callable[[int], Callable[[], object]]":
    import numpy as np
    import onnxruntime

    from facenas.eval import onnx_session
    from facenas.eval.onnx_data import read_onnx
    from facenas.eval.onnx_input import graph_input
    from facenas.eval.onnx_model import run_onnx

    if not model.is_file():
        raise ModelError(f"no ONNX file at {model}")
    named = {name.removesuffix("ExecutionProvider").lower(): name for name in onnxruntime.get_available_providers()}
    session = onnx_session(model, provider=named.get(provider.lower(), provider), threads=threads)
    taken = graph_input(session, read_onnx(model))

    def call(size: int) -> "Callable[[], object]":
        if taken.batch not in (None, size):
            raise ModelError(f"{model} takes batches of {taken.batch} only, got --batch {size}; give --batch {taken.batch}")
        images: Any = np.zeros(taken.shape(size, height=USUAL, width=USUAL), taken.dtype)
        return lambda: run_onnx(session, {taken.name: images}, name=str(model))

    return call


def _by_torch(model: Path, threads: int, *, compiled: bool) -> "Callable[[int], Callable[[], object]]":
    import torch

    from facenas.data.faces import sides
    from facenas.training.models import load_model

    network, card = load_model(model)
    function: Any = torch.compile(network, dynamic=False) if compiled else network

    def call(size: int) -> "Callable[[], object]":
        images = torch.zeros(size, card.input.channels, *sides(card.input.size))

        def run() -> object:
            torch.set_num_threads(threads)
            with torch.inference_mode():
                return function(images)

        return run

    return call


def machine() -> str:
    """The processor, and what it knows of the instructions that matter here."""
    from facenas.export.latency import processor

    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        flags = next(set(line.partition(":")[2].split()) for line in lines if line.startswith("flags"))
    except (OSError, StopIteration):
        return f"{processor()}, {os.cpu_count()} cores"
    known = [name for name, flag in INSTRUCTIONS.items() if flag in flags]
    return f"{processor()}, {os.cpu_count()} cores, {', '.join(known) or 'no AVX2'}"
