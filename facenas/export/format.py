"""What a format is: settings that write a network into a file and run that file. A format is one file; other packages add theirs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field
from torch import Tensor, nn

from facenas.errors import FacenasError
from facenas.export.parity import Batch, Runner
from facenas.registry import OneOf, Registry
from facenas.settings import Section


class ExportError(FacenasError):
    """An exported file that does not compute what the network computes."""


class FormatSection(Section):
    """The settings of a format; its own class adds `name: Literal["..."]`, `suffix`, and how a file is written and run.

    Attributes:
        suffix: What the names of its files end in, after `model`.
        opset: Version of ONNX's operations; None: its files are no ONNX files.
    """

    suffix: ClassVar[str]
    opset: ClassVar[int | None] = None

    least_cosine: float = Field(0.9999, ge=-1, le=1, description="Least cosine of an image's output and torch's; else nothing is written.")

    if TYPE_CHECKING:

        @property
        def name(self) -> str:
            """Name of the format."""

    def write(
        self, network: nn.Module, path: Path, *, example: Tensor, calibration: Batch, metadata: dict[str, str], raw: bool
    ) -> list[str]:
        """Write a network into one file; the same network gives the same bytes, which name no place and no time.

        Args:
            network: Network from images (B, C, H, W) to outputs (B, D), in evaluation mode on the CPU: a graph of torch's operations.
            path: File to write, beside the place that it will take.
            example: Two images (2, C, H, W) as the network takes them.
            calibration: Images (M, C, H, W) as the network takes them, for what is measured on images.
            metadata: Texts by name, stored in the file as far as the format can; among them facenas' description of the model.
            raw: Whether the network takes RGB values from 0 to 255, which its first operations prepare.

        Returns:
            Names of the layers that stay in float32, where the others do not.

        Raises:
            ExportError: If the network cannot be written.
        """
        raise NotImplementedError

    def open(self, path: Path) -> Runner:
        """A function from images (B, C, H, W), for any B, to outputs (B, D), that runs a file which was just written here."""
        raise NotImplementedError


FORMATS = Registry("facenas.formats", "facenas.export", FormatSection)
Format = Annotated[FormatSection, OneOf(FORMATS)]
