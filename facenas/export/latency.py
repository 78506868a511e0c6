"""How long a network takes for one image, on a named target."""

import os
import platform
import re
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import nn

from facenas.errors import SettingsError
from facenas.export.onnx import OPSET
from facenas.export.rounds import ROUNDS, WARM, turn

MOST_ROUNDS, AGREE = 20, 1.05
TARGET = "onnxruntime-cpu-1thread"
NAMES = re.compile(r"(onnxruntime-cpu|torch-cpu)-([1-9]\d*)threads?|(torch-cuda)")


class Target(NamedTuple):
    """Where a network is to run.

    Attributes:
        runtime: `onnxruntime-cpu`, `torch-cpu` or `torch-cuda`.
        threads: Threads of the runtime; 0 on a GPU.
    """

    runtime: str
    threads: int

    @classmethod
    def of(cls, name: str) -> Self:
        """The target of a name such as `onnxruntime-cpu-1thread`.

        Raises:
            SettingsError: If there is no such target.
        """
        match = NAMES.fullmatch(name)
        if not match:
            known = "onnxruntime-cpu-Nthread(s), torch-cpu-Nthread(s) and torch-cuda"
            raise SettingsError(f"unknown latency target {name!r}; there are {known}, for example {TARGET}")
        return cls(match[1] or match[3], int(match[2] or 0))

    @property
    def machine(self) -> dict[str, str]:
        """All that a measurement depends on besides the network.

        Raises:
            SettingsError: If the target is not on this machine.
        """
        import onnxruntime

        if self.runtime == "torch-cuda" and not torch.cuda.is_available():
            raise SettingsError("the latency target torch-cuda needs a GPU here, and torch sees none; give the target of a CPU")
        device = torch.cuda.get_device_name() if self.runtime == "torch-cuda" else processor()
        version = onnxruntime.__version__ if self.runtime.startswith("onnxruntime") else torch.__version__
        return {"runtime": self.runtime, "threads": str(self.threads), "device": device, "version": version, "cores": str(os.cpu_count())}


def processor() -> str:
    """Model of this machine's CPU."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Hardware")))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def measure_latency(network: nn.Module, *, shape: tuple[int, ...], target: Target) -> float:
    """Milliseconds for one input on this machine.

    The median of each of several rounds; of these the smallest, since other work on the machine can only add time. There are more rounds
    until the two smallest agree within 5 %.

    Args:
        network: Any module of one input and one output; its weights do not matter.
        shape: Of one input, for example (C, H, W).
        target: Where it runs.
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
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        _write(network, torch.zeros(1, *shape), path)
        session = onnxruntime.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])
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
