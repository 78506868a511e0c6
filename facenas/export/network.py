"""A trained network as a file for others, judged before it is called done."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from facenas.data import InputContract
from facenas.data.faces import Images
from facenas.export.fold import folded
from facenas.export.format import FORMATS, ExportError, FormatSection
from facenas.export.parity import Batch, Parity, Runner, parity, torch_runner
from facenas.export.raw import RawInput, raw_contract
from facenas.files import replacing

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Exported:
    """What is known of an exported file.

    Attributes:
        contract: What the file expects of an image.
        opset: Version of ONNX's operations; None in a file for torch.
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
    kind: str | FormatSection = "onnx",
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
        network: Network from images (B, C, H, W) to outputs (B, D).
        path: File to write.
        kind: Format of the file, or the name of one.
        contract: What the network expects of an image.
        raw: Whether the contract is baked in, so that the file takes RGB values from 0 to 255.
        images: Real images (M, H, W, C), uint8, to compare the file with torch on.
        calibration: Other images (M, H, W, C), uint8, for the ranges of 8-bit integers and the choice of layers; None: the same.
        metadata: Function that makes the texts to store in the file, from the file's own contract.
        device: Device on which torch computes what the file is compared with.
        judge: Called with the file's runner and contract before the file takes its place; may raise.

    Raises:
        SettingsError: If there is no such format.
        ExportError: If an output differs by more than the format explains; `path` is then left as it was.
    """
    form = FORMATS.get(kind)() if isinstance(kind, str) else kind
    network = network.eval().to(memory_format=torch.contiguous_format)
    file_contract = raw_contract(contract) if raw else contract
    outer = RawInput(network, contract).eval() if raw else network
    expected = torch_runner(network.to(device), device)(_prepared(images, contract))
    network.to(CPU)
    with replacing(path) as temporary:
        example = torch.zeros(2, contract.channels, *images.shape[1:3])
        inputs = _prepared(images if calibration is None else calibration, file_contract)
        told = metadata(file_contract)
        kept = form.write(folded(outer, example), temporary, example=example, calibration=inputs, metadata=told, raw=raw)
        runner = form.open(temporary)
        found = parity(expected, runner(_prepared(images, file_contract)))
        if found.min_cosine < form.least_cosine:
            raise ExportError(
                f"the exported network differs from torch: cosine {found.min_cosine:.6f}, at least {form.least_cosine} is needed"
            )
        judge(runner, file_contract)
    return Exported(file_contract, form.opset, found, kept)


def _prepared(images: Images, contract: InputContract) -> Batch:
    batch: Batch = contract.prepare(torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)).contiguous().numpy()
    return batch
