"""Files for torch alone: an exported program, and TorchScript for C++ and mobile programs that still read it."""

import io
import warnings
from pathlib import Path
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import nn

from facenas.export.format import FormatSection
from facenas.export.parity import Batch, Runner, torch_runner

OWN_RECORDS = ("version", "byteorder", ".data/serialization_id")  # that torch's archives get by themselves
CPU = torch.device("cpu")


class TorchExportFormat(FormatSection):
    """The format of exported programs, for `torch.export.load`."""

    suffix: ClassVar[str] = ".pt2"
    name: Literal["torch-export"] = Field("torch-export", description="Name of the format.")

    def write(
        self, network: nn.Module, path: Path, *, example: torch.Tensor, calibration: Batch, metadata: dict[str, str], raw: bool
    ) -> list[str]:
        """Write a program with a dynamic batch, for `torch.export.load`.

        Args:
            network: Network from images (B, C, H, W) to outputs (B, D), in evaluation mode on the CPU: a graph of torch's operations.
            path: File to write.
            example: Two images (2, C, H, W) as the network takes them.
            calibration: Not used: nothing is converted.
            metadata: Texts by name, stored as `extra_files`.
            raw: Not used: the network already prepares its input.

        Returns:
            No names: all layers stay as they are.
        """
        program = torch.export.export(network, (example,), dynamic_shapes=({0: torch.export.Dim("batch")},))
        for node in program.graph.nodes:
            node.meta = {key: value for key, value in node.meta.items() if key == "val"}  # the rest tells of this process and machine
        stream = io.BytesIO()
        torch.export.save(program, stream, extra_files=dict(metadata))
        path.write_bytes(stream.getvalue())
        return []

    def open(self, path: Path) -> Runner:
        """A function that runs the program on the CPU, from images (B, C, H, W) to outputs (B, D)."""
        return torch_runner(torch.export.load(io.BytesIO(path.read_bytes())).module(), CPU)


class TorchScriptFormat(FormatSection):
    """The format TorchScript, for `torch.jit.load`."""

    suffix: ClassVar[str] = ".torchscript"
    name: Literal["torchscript"] = Field("torchscript", description="Name of the format.")

    def write(
        self, network: nn.Module, path: Path, *, example: torch.Tensor, calibration: Batch, metadata: dict[str, str], raw: bool
    ) -> list[str]:
        """Write a program with a dynamic batch, for `torch.jit.load`.

        Args:
            network: Network from images (B, C, H, W) to outputs (B, D), in evaluation mode on the CPU: a graph of torch's operations.
            path: File to write.
            example: Two images (2, C, H, W) as the network takes them.
            calibration: Not used: nothing is converted.
            metadata: Texts by name, stored as `extra_files`.
            raw: Not used: the network already prepares its input.

        Returns:
            No names: all layers stay as they are.
        """
        network.requires_grad_(False)

        def forward(x: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = network(x)
            return result

        stream = io.BytesIO()
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # torch.jit is kept for those who read its files, not for new programs
            # A function in a unit of its own: torch numbers the classes of all modules that a process traces.
            traced = torch.jit.trace(forward, example, check_trace=False, _compilation_unit=torch._C.CompilationUnit())  # type: ignore[no-untyped-call]
            torch.jit.save(traced, stream, _extra_files={key: value.encode() for key, value in metadata.items()})
        path.write_bytes(_without_debug(stream.getvalue()))
        return []

    def open(self, path: Path) -> Runner:
        """A function that runs the program on the CPU, from images (B, C, H, W) to outputs (B, D)."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module: nn.Module = torch.jit.load(io.BytesIO(path.read_bytes()), map_location="cpu")  # type: ignore[no-untyped-call]
        return torch_runner(module.eval(), CPU)


def _without_debug(archive: bytes) -> bytes:
    """The archive without what names files of this machine."""
    reader, stream = torch._C.PyTorchFileReader(io.BytesIO(archive)), io.BytesIO()
    writer = torch._C.PyTorchFileWriter(stream)
    for name in reader.get_all_records():
        if not (name.endswith(".debug_pkl") or name in OWN_RECORDS):
            content = reader.get_record(name)
            writer.write_record(name, content, len(content))
    writer.write_end_of_file()
    return stream.getvalue()
