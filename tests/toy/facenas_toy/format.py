"""ONNX, compressed by gzip."""

import gzip
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor, nn

from facenas.export import FormatSection
from facenas.export.onnx import write_onnx
from facenas.export.parity import Batch, Runner, onnx_runner


class PackedFormat(FormatSection):
    """ONNX by gzip."""

    suffix: ClassVar[str] = ".onnx.gz"
    name: Literal["onnx-gz"] = Field("onnx-gz", description="Name of the format.")
    level: int = Field(9, ge=1, le=9, description="How hard gzip tries.")

    def write(
        self, network: nn.Module, path: Path, *, example: Tensor, calibration: Batch, metadata: dict[str, str], raw: bool
    ) -> list[str]:
        """Write it without the time of writing, so that two files are equal."""
        write_onnx(network, example, path, metadata)
        path.write_bytes(gzip.compress(path.read_bytes(), self.level, mtime=0))
        return []

    def open(self, path: Path) -> Runner:
        """The unpacked model in onnxruntime."""
        return onnx_runner(gzip.decompress(path.read_bytes()))
