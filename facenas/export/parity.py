"""Agreement of an exported file with torch, image by image."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from facenas.data.formats.onnx_session import open_session

Batch = NDArray[np.float32]  # (B, C, H, W) as a file takes it, or (B, D) as it gives it
Runner = Callable[[Batch], Batch]


@dataclass(frozen=True)
class Parity:
    """How well two ways to compute embeddings agree.

    Attributes:
        images: Number of images compared.
        min_cosine: Smallest cosine between the two outputs of an image.
        mean_cosine: Mean of these cosines over the images.
    """

    images: int
    min_cosine: float
    mean_cosine: float


def parity(expected: Batch, given: Batch) -> Parity:
    """Compare the outputs of two ways to compute embeddings, image by image; an output without length agrees with nothing.

    Args:
        expected: Outputs of one way, (B, D).
        given: Outputs of the other way, (B, D).
    """
    cosines = cosines_of(expected, given)
    return Parity(len(cosines), float(cosines.min()), float(cosines.mean()))


def cosines_of(expected: Batch, given: Batch) -> NDArray[np.float64]:
    """Cosine of the two outputs of each image, shape (B,); -1 where an output has no length.

    Args:
        expected: Outputs of one way, (B, D).
        given: Outputs of the other way, (B, D).
    """
    first, second = expected.astype(np.float64), given.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = (first * second).sum(1) / (np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1))
    result: NDArray[np.float64] = np.nan_to_num(cosines, nan=-1)
    return result


def torch_runner(network: nn.Module, device: torch.device) -> Runner:
    """A function that runs a torch network, from images (B, C, H, W) to outputs (B, D).

    Args:
        network: The network, in evaluation mode on `device`.
        device: Device that the images are moved to.
    """

    def run(batch: Batch) -> Batch:
        with torch.inference_mode():
            output: Batch = network(torch.from_numpy(batch).to(device)).float().cpu().numpy()
            return output

    return run


def onnx_runner(model: Path | bytes, *, threads: int = 0, provider: str = "CPUExecutionProvider") -> Runner:
    """A function that runs an ONNX file with one input and one output.

    Args:
        model: The file, or its content.
        threads: Threads of onnxruntime; 0: as many as cores.
        provider: Execution provider of onnxruntime.
    """
    session = open_session(model, threads=threads, provider=provider)
    name = session.get_inputs()[0].name

    def run(batch: Batch) -> Batch:
        output: Batch = session.run(None, {name: batch})[0]
        return output

    return run
