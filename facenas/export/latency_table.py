"""Latencies measured once on a machine: of whole networks, and of the parts that many networks share."""

import json
from collections.abc import Iterator
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import torch
from filelock import FileLock
from torch import nn

from facenas.export.latency import measure_latency
from facenas.export.target import Target
from facenas.files import cache_folder, read_checked_json, write_checked_json


class Part(NamedTuple):
    """A part of a network: modules that run one after the other.

    Attributes:
        modules: The modules as one.
        shape: Shape of one input, for example (C, H, W).
    """

    modules: nn.Sequential
    shape: tuple[int, ...]

    @property
    def key(self) -> str:
        """Hash of the modules and of the shape of their input."""
        return _hash(f"{self.modules!r} {self.shape}")


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:32]


class LatencyTable:
    """Measured milliseconds of networks and of their parts, by a hash of each.

    They are kept in a JSON file of the user's cache, which several processes may read and write.

    Args:
        target: Where networks run; the file belongs to it, this machine's processor and the runtime's version.
        folder: Folder of the files; None: `latency` in the cache of facenas.
    """

    def __init__(self, target: Target, folder: Path | None = None) -> None:
        self.target, machine = target, target.machine
        digest = sha256(json.dumps(machine, sort_keys=True).encode()).hexdigest()[:16]
        self.path = (folder or cache_folder() / "latency") / f"{target.runtime}-{digest}.json"
        self.machine, self.known = machine, self._read()

    def predicted(self, network: nn.Module, shape: tuple[int, ...]) -> float:
        """Milliseconds of a chain of modules for one image: the sum of its parts, each measured alone.

        Args:
            network: A chain, such as the networks of the spaces `ir` and `plain`.
            shape: Shape of one image, (C, H, W).
        """
        return sum(self._measured(part.key, part) for part in parts(network, shape))

    def whole(self, network: nn.Module, *, shape: tuple[int, ...], content: str) -> float:
        """Milliseconds of a network for one image, measured as a whole.

        Args:
            network: Any module of one input and one output.
            shape: Shape of one image, (C, H, W).
            content: Text that says what the network is; equal texts are measured once.
        """
        return self._measured(_hash(content), Part(nn.Sequential(network), shape))

    def _measured(self, key: str, part: Part) -> float:
        if key not in self.known:
            self._write(key, measure_latency(part.modules, shape=part.shape, target=self.target))
        return self.known[key]

    def _read(self) -> dict[str, float]:
        try:
            known = read_checked_json(self.path)["milliseconds"]
            return {str(key): float(value) for key, value in known.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}  # absent or damaged: measured again

    def _write(self, key: str, milliseconds: float) -> None:
        """Add one figure to what others have written meanwhile; the first figure of a key stays."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path.with_suffix(".lock")):
            self.known = {key: milliseconds} | self.known | self._read()
            write_checked_json(self.path, {"machine": self.machine, "milliseconds": self.known})


def parts(network: nn.Module, shape: tuple[int, ...]) -> list[Part]:
    """A chain of modules, cut before each that has a convolution or a matrix product, with the shapes that flow between.

    Args:
        network: A chain, such as the networks of the spaces `ir` and `plain`.
        shape: Shape of one image, (C, H, W).
    """
    found, x = list[Part](), torch.zeros(2, *shape, device=next(network.parameters()).device)
    for modules in _groups(network):
        part = Part(nn.Sequential(*modules), tuple(x.shape[1:]))
        found.append(part)
        with torch.inference_mode():
            x = part.modules.eval()(x)
    return found


def _groups(network: nn.Module) -> Iterator[list[nn.Module]]:
    """Children that a runtime may fuse: a convolution, unit or linear layer with the normalisation and activation after it."""
    group: list[nn.Module] = []
    for child in chain(network.children(), [None]):
        heavy = child is None or any(isinstance(module, nn.Conv2d | nn.Linear) for module in child.modules())
        if heavy and group:
            yield group
            group = []
        if child is not None:
            group.append(child)
