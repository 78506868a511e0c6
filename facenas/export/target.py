"""What a network's time is measured on, by its name."""

import os
import re
from typing import NamedTuple, Self

from facenas.errors import SettingsError

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
        """All that a measured latency depends on besides the network, by name.

        Raises:
            SettingsError: If the target is not on this machine.
        """
        import onnxruntime
        import torch

        from facenas.export.latency import processor

        if self.runtime == "torch-cuda" and not torch.cuda.is_available():
            raise SettingsError("the latency target torch-cuda needs a GPU here, and torch sees none; give the target of a CPU")
        device = torch.cuda.get_device_name() if self.runtime == "torch-cuda" else processor()
        version = onnxruntime.__version__ if self.runtime.startswith("onnxruntime") else torch.__version__
        return {"runtime": self.runtime, "threads": str(self.threads), "device": device, "version": version, "cores": str(os.cpu_count())}
