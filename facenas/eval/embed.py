"""Embedding functions: from 8-bit RGB images to vectors, whatever holds the network."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from facenas.data import InputContract
from facenas.data.faces import Images
from facenas.errors import ModelError, nearest
from facenas.eval.onnx_data import check_onnx_data

Embeddings = NDArray[np.float32]
Embedder = Callable[[Images], Embeddings]  # (B, H, W, 3) uint8 RGB of the contract's size -> (B, D)
METADATA_KEY = "facenas"  # where an ONNX file made by facenas keeps its contract, as JSON


def torch_embedder(network: nn.Module, contract: InputContract, device: torch.device) -> Embedder:
    """Embed with a torch network, in evaluation mode and full precision."""
    network.eval()

    def embed(images: Images) -> Embeddings:
        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(images)).to(device).permute(0, 3, 1, 2)
            output: Embeddings = network(contract.prepare(batch)).float().cpu().numpy()
            return output

    return embed


def onnx_session(path: Path, *, provider: str = "CPUExecutionProvider", threads: int = 0) -> Any:
    """An onnxruntime session with one image input.

    Args:
        path: A file of whatever origin; data that it keeps outside must lie in its own folder.
        provider: Of onnxruntime.
        threads: Of onnxruntime; 0: as many as cores.

    Raises:
        ModelError: If the file is not such a model, or there is no such provider.
    """
    import onnxruntime

    check_onnx_data(path)
    if provider not in (there := onnxruntime.get_available_providers()):
        raise ModelError(f"onnxruntime has no {provider} here; {nearest(provider, there)}")
    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=[provider])
    except Exception as error:  # onnxruntime's exceptions share no other base class
        raise ModelError(f"{path} is not a usable ONNX model: {' '.join(str(error).split())[:200]}") from None
    shapes, outputs = [len(entry.shape) for entry in session.get_inputs()], [output.shape for output in session.get_outputs()]
    if shapes != [4] or len(outputs) > 2 or (len(outputs) == 2 and outputs[1][-1:] != [1]):
        raise ModelError(
            f"{path} must have one input (B, C, H, W) and one output (B, D), or AdaFace's two, direction and norm; "
            f"got {len(shapes)} inputs and outputs of {outputs}"
        )
    return session


def onnx_embedder(session: Any, contract: InputContract) -> Embedder:
    """Embed with an onnxruntime session; AdaFace's direction (B, D) and norm (B, 1) are multiplied."""
    name, batch_size = session.get_inputs()[0].name, session.get_inputs()[0].shape[0]

    def run(batch: NDArray[np.float32]) -> Embeddings:
        outputs = [values.reshape(len(batch), -1) for values in session.run(None, {name: batch})]
        features: Embeddings = outputs[0].astype(np.float32)
        return features if len(outputs) == 1 else features * outputs[1]

    def embed(images: Images) -> Embeddings:
        batch = contract.prepare(torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)).numpy()
        step = batch_size if isinstance(batch_size, int) else len(batch)
        room = np.concatenate([batch, np.zeros((-len(batch) % step, *batch.shape[1:]), np.float32)])  # a graph of fixed batch
        return np.concatenate([run(room[i : i + step]) for i in range(0, len(room), step)])[: len(batch)]

    return embed
