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
from facenas.errors import ModelError, NotFiniteError

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


def onnx_session(path: Path) -> Any:
    """An onnxruntime session on the CPU with one image input and one output.

    Raises:
        ModelError: If the file is not such a model.
    """
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no other base class
        raise ModelError(f"{path} is not a usable ONNX model: {' '.join(str(error).split())[:200]}") from None
    shapes = [len(entry.shape) for entry in session.get_inputs()]
    if shapes != [4] or len(session.get_outputs()) != 1:
        raise ModelError(f"{path} must have one input (B, C, H, W) and one output, got {len(shapes)} and {len(session.get_outputs())}")
    return session


def onnx_embedder(session: Any, contract: InputContract) -> Embedder:
    """Embed with an onnxruntime session."""
    name, batch_size = session.get_inputs()[0].name, session.get_inputs()[0].shape[0]

    def embed(images: Images) -> Embeddings:
        batch = contract.prepare(torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)).numpy()
        step = batch_size if isinstance(batch_size, int) else len(batch)
        parts = [session.run(None, {name: batch[i : i + step]})[0] for i in range(0, len(batch), step)]
        return np.concatenate(parts).reshape(len(batch), -1).astype(np.float32)

    return embed


def embed_images(embedder: Embedder, images: Images, *, batch_size: int = 64, flip: bool = True) -> Embeddings:
    """Unit embeddings (M, D) of images (M, H, W, 3).

    With `flip`, the raw embeddings of an image and its mirror image are summed before they are normalised: the published
    protocol of the field (arcface_torch, AdaFace).

    Raises:
        NotFiniteError: If the network yields numbers that are not finite.
    """
    parts = []
    for start in range(0, len(images), batch_size):
        batch = images[start : start + batch_size]
        features = embedder(batch)
        parts.append(features + embedder(batch[:, :, ::-1]) if flip else features)
    features = np.concatenate(parts)
    if not np.isfinite(features).all():
        raise NotFiniteError("the network yields embeddings that are not finite numbers")
    unit: Embeddings = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    return unit
