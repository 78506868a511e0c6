"""A ladder: three operations and three kernel sizes at each position, and nothing that a space does not need."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from facenas.backbones import Architecture, Known, SpaceSection

if TYPE_CHECKING:
    from torch import nn


class LadderSpace(SpaceSection):
    """A chain of layers at half the image's resolution, each a convolution, a grouped one or a separable one."""

    chain: ClassVar[bool] = True
    width_step: ClassVar[int] = 2  # for the groups
    operations: ClassVar[tuple[str, ...]] = ("whole", "grouped", "separable")
    kernels: ClassVar[tuple[int, ...]] = (3, 5, 7)

    name: Literal["ladder"] = Field("ladder", description="Name of the space.")
    input_size: int = Field(32, ge=8, description="Image side in pixels.")
    in_channels: int = Field(3, ge=1, description="Image channels.")
    embedding_size: int = Field(16, ge=1, description="Embedding dimension D.")

    @classmethod
    def known(cls) -> dict[str, Known]:
        """A network for `facenas models`."""
        space = cls()
        return {"ladder-4": Known(space.start(depth=4, width=8), space)}

    def dimension(self, architecture: Architecture) -> int:
        """Embedding dimension D."""
        return self.embedding_size

    def build(self, architecture: Architecture) -> "nn.Module":
        """A network from images (B, C, H, W) to embeddings (B, D) that are not normalised."""
        from torch import nn

        self.check(architecture)
        width = architecture.width
        layers: list[nn.Module] = [nn.Conv2d(self.in_channels, width, 3, stride=2, padding=1)]
        for operation, kernel in zip(architecture.operations, architecture.kernels, strict=True):
            groups = {"whole": 1, "grouped": 2, "separable": width}[operation]
            layers += [nn.Conv2d(width, width, kernel, padding="same", groups=groups, bias=False), nn.BatchNorm2d(width), nn.PReLU(width)]
            layers += [nn.Conv2d(width, width, 1, bias=False)] if operation == "separable" else []
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * width, self.embedding_size))
