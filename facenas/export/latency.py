"""How long a network takes for one image, on a named target."""

import os
import platform
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from facenas.data.formats.onnx_session import open_session
from facenas.export.onnx import OPSET
from facenas.export.rounds import ROUNDS, WARM, turn
from facenas.export.target import Target

MOST_ROUNDS, AGREE = 20, 1.05


def processor() -> str:
    """Model of this machine's CPU."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Hardware")))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def measure_latency(network: nn.Module, *, shape: tuple[int, ...], target: Target) -> float:
    """Measure the milliseconds that a network takes for one input on this machine.

    The median of each of several rounds; of these the smallest, since other work on the machine can only add time. There are more rounds
    until the two smallest agree within 5 %.

    Args:
        network: Any module of one input and one output; its weights do not matter.
        shape: Shape of one input, for example (C, H, W).
        target: Where the network runs: runtime and threads.
    """
    network = network.eval()
    run = _in_onnxruntime(network, shape, target.threads) if target.runtime == "onnxruntime-cpu" else _in_torch(network, shape, target)
    for _ in range(WARM):
        run()
    medians = sorted(float(np.median(turn(run))) for _ in range(ROUNDS))
    while medians[1] > AGREE * medians[0] and len(medians) < MOST_ROUNDS:
        medians = sorted([*medians, float(np.median(turn(run)))])
    return 1000 * medians[0]


def _in_onnxruntime(network: nn.Module, shape: tuple[int, ...], threads: int) -> Callable[[], object]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        _write(network, torch.zeros(1, *shape), path)
        session = open_session(path, threads=threads)
    image = {"input": np.zeros((1, *shape), np.float32)}
    return lambda: session.run(None, image)


def _write(network: nn.Module, image: torch.Tensor, path: Path) -> None:
    """ONNX by torch's older exporter: 0.4 s for IR-14 instead of 11, and the same operations once onnxruntime has fused them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, (image,), os.fspath(path), dynamo=False, opset_version=OPSET, input_names=["input"])


def _in_torch(network: nn.Module, shape: tuple[int, ...], target: Target) -> Callable[[], object]:
    device = torch.device("cuda" if target.runtime == "torch-cuda" else "cpu")
    network, image = network.to(device), torch.zeros(1, *shape, device=device)

    def run() -> None:
        with torch.inference_mode():
            network(image)
        if device.type == "cuda":
            torch.cuda.synchronize()

    def with_threads() -> None:
        before = torch.get_num_threads()
        torch.set_num_threads(target.threads)
        try:
            run()
        finally:
            torch.set_num_threads(before)

    return with_threads if target.threads else run
