"""How long a network takes for one image."""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from facenas.export.onnx import write_onnx

ROUNDS, WARM, LEAST_SECONDS = 5, 3, 0.05


def measure_latency(network: nn.Module, *, size: int, channels: int, threads: int) -> float:
    """Milliseconds for one image with onnxruntime on this machine's CPU.

    The median of each of several rounds; of these the smallest, since other work on the machine can only add time.

    Args:
        network: From images (B, C, H, W); its weights do not matter.
        size: Image side in pixels.
        channels: Image channels.
        threads: Threads of onnxruntime.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        write_onnx(network.eval(), torch.zeros(2, channels, size, size), path, {})
        session = onnxruntime.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])
    image = {"input": np.zeros((1, channels, size, size), np.float32)}
    for _ in range(WARM):
        session.run(None, image)
    return 1000 * min(_median_seconds(session, image) for _ in range(ROUNDS))


def _median_seconds(session: "onnxruntime.InferenceSession", image: dict[str, np.ndarray]) -> float:  # type: ignore[name-defined] # noqa: F821
    seconds: list[float] = []
    while sum(seconds) < LEAST_SECONDS or len(seconds) < WARM:
        start = time.perf_counter()
        session.run(None, image)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))
