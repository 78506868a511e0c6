"""Embedding functions: from 8-bit RGB images to vectors, whatever holds the network."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from facenas.data import InputContract
from facenas.data.faces import Images

Embeddings = NDArray[np.float32]
Embedder = Callable[[Images], Embeddings]  # (B, H, W, 3) uint8 RGB of the contract's size -> (B, D)
METADATA_KEY = "facenas"  # where an ONNX file made by facenas keeps its contract, as JSON


def mirror_sum(embedder: Embedder, images: Images) -> Embeddings:
    """The sum of the embeddings (B, D) of images and of their mirror images, as the published protocols take it.

    Args:
        embedder: From images to embeddings; it is given both at once.
        images: Shape (B, H, W, 3), uint8, RGB.
    """
    both = embedder(np.concatenate([images, images[:, :, ::-1]]))
    return both[: len(images)] + both[len(images) :]


def torch_embedder(network: nn.Module, contract: InputContract, device: torch.device) -> Embedder:
    """Embed with a torch network, in evaluation mode and full precision.

    Args:
        network: Network from images (B, C, H, W) to embeddings (B, D), on `device`.
        contract: What the network expects of an image.
        device: Device that the images are moved to.

    Returns:
        A function from images (B, H, W, C), RGB, uint8, to embeddings (B, D), float32.
    """
    network.eval()

    def embed(images: Images) -> Embeddings:
        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(images)).to(device).permute(0, 3, 1, 2)
            output: Embeddings = network(contract.prepare(batch)).float().cpu().numpy()
            return output

    return embed
