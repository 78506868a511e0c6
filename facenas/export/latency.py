"""How long a network takes."""

import time
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import nn

from facenas.export.onnx import onnx_model
from facenas.export.parity import onnx_runner

ROUNDS, WARM, LEAST_SECONDS = 5, 3, 0.05


def in_rounds(ways: Mapping[str, Callable[[], object]], *, rounds: int = ROUNDS) -> dict[str, list[list[float]]]:
    """Seconds of every call, by way and round; in each round the ways take turns, so that a busy minute falls on all of them.

    Args:
        ways: What is called, by name.
        rounds: Turns of each.
    """
    for call in ways.values():
        for _ in range(WARM):
            call()
    times: dict[str, list[list[float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, call in ways.items():
            times[name].append(_turn(call))
    return times


def measure_latency(network: nn.Module, *, size: int, channels: int, threads: int) -> float:
    """Milliseconds for one image with onnxruntime on this machine's CPU.

    The median of each of several rounds; of these the smallest, since other work on the machine can only add time.

    Args:
        network: From images (B, C, H, W); its weights do not matter.
        size: Image side in pixels.
        channels: Image channels.
        threads: Threads of onnxruntime.
    """
    model = onnx_model(network.eval(), torch.zeros(2, channels, size, size))
    run, image = onnx_runner(model.SerializeToString(), threads=threads), np.zeros((1, channels, size, size), np.float32)
    return 1000 * min(float(np.median(seconds)) for seconds in in_rounds({"": lambda: run(image)})[""])


def _turn(call: Callable[[], object]) -> list[float]:
    call()  # whoever's turn it was before has had the caches
    seconds: list[float] = []
    while sum(seconds) < LEAST_SECONDS or len(seconds) < WARM:
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return seconds
