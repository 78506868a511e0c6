"""One self-contained ONNX file, compared with torch on real images before it is called done."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from facenas.data import InputContract
from facenas.data.faces import Images
from facenas.errors import FacenasError
from facenas.files import replacing

OPSET = 18
LEAST_COSINE = 0.9999
CPU = torch.device("cpu")


class ExportError(FacenasError):
    """An exported file that does not compute what the network computes."""


@dataclass(frozen=True)
class Parity:
    """Agreement of an exported file with torch, image by image.

    Attributes:
        images: Number of images compared.
        min_cosine: Smallest cosine between the two outputs of an image.
        mean_cosine: Their mean.
    """

    images: int
    min_cosine: float
    mean_cosine: float


def export_onnx(
    network: nn.Module, path: Path, *, contract: InputContract, images: Images, metadata: dict[str, str], device: torch.device = CPU
) -> Parity:
    """Write a network as ONNX with a dynamic batch, one input and one output, and check it.

    Args:
        network: From images (B, C, H, W) to (B, D).
        path: File to write.
        contract: What the network expects of an image.
        images: Real images (M, H, W, C), uint8, to compare the two on.
        metadata: Stored in the file.
        device: Where torch computes what the file is compared with.

    Raises:
        ExportError: If an output differs by more than rounding; nothing is then left at `path`.
    """
    network = network.eval().to(memory_format=torch.contiguous_format)
    inputs = contract.prepare(torch.from_numpy(images).permute(0, 3, 1, 2)).contiguous()
    with replacing(path) as temporary:
        write_onnx(network, inputs[:2], temporary, metadata)
        parity = _compare(network.to(device), inputs, temporary)
        if parity.min_cosine < LEAST_COSINE:
            raise ExportError(f"the exported network differs from torch: cosine {parity.min_cosine:.6f}, at least {LEAST_COSINE} is needed")
    return parity


def write_onnx(network: nn.Module, example: torch.Tensor, path: Path, metadata: dict[str, str]) -> None:
    """Write a network as ONNX with a dynamic batch, unchecked.

    Args:
        network: From images (B, C, H, W) to (B, D), in evaluation mode.
        example: Two images (2, C, H, W) as the network takes them.
        path: File to write.
        metadata: Stored in the file.
    """
    batch = torch.export.Dim("batch")
    program = torch.onnx.export(
        network,
        (example,),
        dynamo=True,
        opset_version=OPSET,
        input_names=["input"],
        output_names=["output"],
        dynamic_shapes=({0: batch},),
        verbose=False,
    )
    if program is None:
        raise ExportError("torch's ONNX exporter returned no program")
    model = program.model_proto
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _compare(network: nn.Module, inputs: torch.Tensor, path: Path) -> Parity:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        expected = network(inputs.to(next(network.parameters()).device)).cpu().numpy().astype(np.float64)
    given = np.asarray(session.run(None, {"input": inputs.numpy()})[0], dtype=np.float64)
    cosines = (expected * given).sum(1) / (np.linalg.norm(expected, axis=1) * np.linalg.norm(given, axis=1))
    return Parity(len(cosines), float(np.nan_to_num(cosines, nan=-1).min()), float(cosines.mean()))
