"""Faster ways to the same numbers for training on a CPU, put on for a step and taken off after it.

Networks are made of torch's own modules, so that whatever goes by their exact types (counters of operations, quantisers, pruners, tracers)
sees all of them. Only within `FastPaths` are they computed otherwise.
"""

import logging
from contextvars import ContextVar
from typing import Self

import torch
from torch import nn

from facenas.backbones import convolution
from facenas.native import fused

logger = logging.getLogger("facenas")
_on: ContextVar[bool] = ContextVar("facenas_fast_paths", default=False)
_told = list[float]()  # a process says it once


def fast() -> bool:
    """Whether a network may be computed by the compiled operations here."""
    return not torch.compiler.is_compiling() and _on.get()


class FastPaths:
    """Within it, forward passes of a network in training are computed faster on a CPU; parameters, hooks and state stay what they are.

    Args:
        network: Network whose convolutions are computed otherwise.
    """

    def __init__(self, network: nn.Module) -> None:
        self._convolutions = [module for module in network.modules() if type(module) is nn.Conv2d] if convolution.slow_here() else []

    def __enter__(self) -> Self:
        """Put the faster paths on."""
        self._before = _on.set(True)
        self._become(convolution.Conv2d)
        return self

    def __exit__(self, *_: object) -> None:
        """Take the faster paths off."""
        self._become(nn.Conv2d)
        _on.reset(self._before)

    def _become(self, kind: type[nn.Conv2d]) -> None:
        for module in self._convolutions:
            object.__setattr__(module, "__class__", kind)


def tell_without_compiler(network: nn.Module) -> None:
    """Warn, once in a process, where compiled operations would train the network faster and cannot be built; FACENAS_FUSED=0 is silence."""
    slower = max((getattr(module, "slower_uncompiled", 0.0) for module in network.modules()), default=0.0)
    if slower and not _told and fused.wanted() and fused.library() is None:
        _told.append(slower)
        logger.warning(
            "no C compiler that works was found, so training on this CPU is about %.1f times slower than it could be; install gcc or clang "
            "(Debian and Ubuntu: apt-get install gcc), or name one in CC",
            slower,
        )
