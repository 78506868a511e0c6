"""A trained network as a file for others, judged before it is called done."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import nn

from facenas.data import InputContract
from facenas.data.faces import Images
from facenas.export.fold import folded
from facenas.export.half import half
from facenas.export.int8 import Quantiser, layers_of
from facenas.export.onnx import OPSET, ExportError, named_for_clients, onnx_model, save_onnx
from facenas.export.parity import Batch, Parity, Runner, onnx_runner, parity, torch_runner
from facenas.export.raw import RawInput, raw_contract
from facenas.export.sensitive import keep_sensitive
from facenas.export.torch_files import read_torch_export, read_torchscript, write_torch_export, write_torchscript
from facenas.files import replacing

Format = Literal["onnx", "onnx-fp16", "onnx-int8", "torch-export", "torchscript"]
SUFFIXES: dict[Format, str] = {
    "onnx": ".onnx",
    "onnx-fp16": "-fp16.onnx",
    "onnx-int8": "-int8.onnx",
    "torch-export": ".pt2",
    "torchscript": ".torchscript",
}
LEAST_COSINE: dict[Format, float] = {"onnx": 0.9999, "onnx-fp16": 0.999, "onnx-int8": 0.95, "torch-export": 0.9999, "torchscript": 0.9999}
AIM = {"onnx-fp16": 0.9999, "onnx-int8": 0.99}  # layers are left in float32 until every calibration image agrees so well
JUDGED_ALONE = 16  # calibration images on which each layer's harm is measured
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Exported:
    """An exported file.

    Attributes:
        contract: What it expects of an image.
        opset: Of ONNX; None in a file for torch.
        parity: Agreement with torch.
        float_layers: Layers left in float32 by a file of lower precision.
    """

    contract: InputContract
    opset: int | None
    parity: Parity
    float_layers: list[str]


def export_network(
    network: nn.Module,
    path: Path,
    *,
    kind: Format = "onnx",
    contract: InputContract,
    raw: bool = False,
    images: Images,
    calibration: Images | None = None,
    metadata: Callable[[InputContract], dict[str, str]] = lambda contract: {},
    device: torch.device = CPU,
    judge: Callable[[Runner, InputContract], None] = lambda runner, contract: None,
) -> Exported:
    """Write a network into one file with a dynamic batch, one input and one output, and check it.

    Args:
        network: From images (B, C, H, W) to (B, D).
        path: File to write.
        kind: Its format.
        contract: What the network expects of an image.
        raw: Whether the contract is baked in, so that the file takes RGB values from 0 to 255.
        images: Real images (M, H, W, C), uint8, to compare the two on.
        calibration: Others, for the ranges of 8-bit integers and the choice of layers; None: the same.
        metadata: Makes what is stored in the file of the file's own contract.
        device: Where torch computes what the file is compared with.
        judge: Is given the file and its contract before it takes its place; may raise.

    Raises:
        ExportError: If an output differs by more than the format explains; `path` is then left as it was.
    """
    network = network.eval().to(memory_format=torch.contiguous_format)
    file_contract = raw_contract(contract) if raw else contract
    outer = RawInput(network, contract).eval() if raw else network
    expected = torch_runner(network.to(device), device)(_prepared(images, contract))
    network.to(CPU)
    with replacing(path) as temporary:
        example = torch.zeros(2, contract.channels, *images.shape[1:3])
        inputs = _prepared(images if calibration is None else calibration, file_contract)
        kept = _write(folded(outer, example), example, temporary, kind=kind, raw=raw, calibration=inputs, metadata=metadata(file_contract))
        runner = open_file(temporary, kind)
        found = parity(expected, runner(_prepared(images, file_contract)))
        if found.min_cosine < LEAST_COSINE[kind]:
            raise ExportError(
                f"the exported network differs from torch: cosine {found.min_cosine:.6f}, at least {LEAST_COSINE[kind]} is needed"
            )
        judge(runner, file_contract)
    return Exported(file_contract, OPSET if kind.startswith("onnx") else None, found, kept)


def open_file(path: Path, kind: Format) -> Runner:
    """A file that was just written here; those of strangers are opened elsewhere, and only ONNX."""
    if kind.startswith("onnx"):
        return onnx_runner(path, threads=torch.get_num_threads())
    program = read_torch_export(path) if kind == "torch-export" else read_torchscript(path)
    return torch_runner(program, CPU)


def _write(
    graph: nn.Module, example: torch.Tensor, path: Path, *, kind: Format, raw: bool, calibration: Batch, metadata: dict[str, str]
) -> list[str]:
    if kind == "torch-export":
        write_torch_export(graph, example, path, metadata)
        return []
    if kind == "torchscript":
        write_torchscript(graph, example, path, metadata)
        return []
    model, layers = onnx_model(graph, example), list[str]()
    if raw:
        named_for_clients(model)
    if kind != "onnx":
        few = calibration[:JUDGED_ALONE]
        expected = onnx_runner(model.SerializeToString())(few)
        if kind == "onnx-int8":
            convert, layers = Quantiser(model, calibration), layers_of(model)
            model, layers = keep_sensitive(convert, layers, few, expected, least_cosine=AIM[kind])
        else:
            layers = [node.name for node in model.graph.node]
            model, layers = keep_sensitive(lambda kept: half(model, list(kept)), layers, few, expected, least_cosine=AIM[kind])
    save_onnx(model, path, metadata)
    return layers


def _prepared(images: Images, contract: InputContract) -> Batch:
    batch: Batch = contract.prepare(torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)).contiguous().numpy()
    return batch
