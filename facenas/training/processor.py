"""What, besides settings and data, decides the last digits of a result: the processor, and what torch makes of it."""

import os
import platform
from functools import cache
from pathlib import Path

import torch

from facenas.native import fused

FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "amx_fp16", "asimd", "sve", "bf16")
LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE", "ATEN_CPU_CAPABILITY")


def processor(device: str, *, in_c: bool = True) -> str:
    """The kind of processor of this process, in one line: equal kinds compute equal bits.

    oneDNN and torch choose their kernels by the instructions that there are, and add in another order with others.

    Args:
        device: Kind of device that computes: cpu, cuda or mps.
        in_c: Whether the compiled operations of facenas may take part, as they do in training alone.
    """
    if device == "cuda" and torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"
    library = fused.library() if in_c and device == "cpu" else None
    operations = f"operations in C {Path(library._name).stem}" if library else "no operations in C"
    limits = [f"{name}={os.environ[name]}" for name in LIMITS if os.environ.get(name)]
    return ", ".join([f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}", *_instructions(), *limits, operations])


@cache
def _instructions() -> list[str]:
    """Those of the processor, where the system tells them."""
    file = Path("/proc/cpuinfo")
    text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
    told = next((line for line in text.splitlines() if line.lower().startswith(("flags", "features"))), "").split()
    return [flag for flag in FLAGS if flag in told]
