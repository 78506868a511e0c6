"""Networks of timm with an embedding layer: what a found network is compared with, on the same recipe."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from facenas.backbones.architecture import Architecture
from facenas.backbones.cost import Cost
from facenas.backbones.output import Output
from facenas.backbones.settings import NetworkSection
from facenas.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from facenas.backbones.timm_network import TimmFeatures

POINT = Architecture(space="timm", depth=1, width=1, operations=(), kernels=())
PREFIX = "timm:"


class TimmSpace(NetworkSection):
    """A space of one point: one network of timm, with the output layer of the face space, or as a classifier.

    The output layer is `gdc` wherever the network ends in a map: it is the one that networks for mobile devices are given for faces
    (MobileFaceNets), and `flatten` on the 1280 x 4 x 4 features of a MobileNet would have four times its parameters. Where it does not
    (transformers), it is `pool`: timm's own pooling.
    """

    name: Literal["timm"] = Field("timm", description="Name of the space.")
    model: str = Field(description="Name in timm; what follows a dot names published weights.")
    embedding_size: int = Field(512, ge=1, description="Embedding dimension D.")
    input_size: int = Field(112, ge=1, description="Image side in pixels.")
    in_channels: int = Field(3, ge=1, description="Image channels.")
    output: Output = Field("gdc", description="Global depthwise convolution, flatten, or timm's pooling; then linear.")
    dropout: float = Field(0.4, ge=0, lt=1, description="Dropout before the embedding layer, a fraction.")
    num_classes: int | None = Field(None, ge=2, description="Classes of a classifier, with timm's own output layer; null: a face network.")

    def start(self) -> Architecture:
        """The only architecture of this space, which has no operations to choose."""
        return POINT

    def check(self, architecture: Architecture) -> None:
        """Raise a ModelError unless the architecture is the one point, and timm can build its network for such images."""
        if architecture != POINT:
            raise ModelError(
                f"a network of timm has no operations, kernels, depth or width to choose, got {architecture.model_dump_json()}"
            )
        features = self.features
        if self.num_classes is None and (self.output == "pool") == features.is_map:
            shape = " x ".join(str(side) for side in features.shape)
            fitting = "gdc or flatten" if features.is_map else "pool"
            raise ModelError(f"timm's {self.model} ends in {shape} features, for which output={self.output} does not do; set {fitting}")

    @property
    def features(self) -> "TimmFeatures":
        """What the embedding layer is given: the features that timm's network ends in."""
        from facenas.backbones.timm_network import features

        return features(self.model, size=self.input_size, channels=self.in_channels, pooled=self.output == "pool")

    def dimension(self, architecture: Architecture) -> int:
        """Embedding dimension D, or number of classes."""
        return self.num_classes or self.embedding_size

    def build(self, architecture: Architecture) -> "nn.Module":
        """A network from images (B, C, H, W) to embeddings (B, D) that are not normalised, or logits (B, N)."""
        from facenas.backbones.timm_network import build

        self.check(architecture)
        return build(self)

    def cost(self, architecture: Architecture) -> Cost:
        """Parameters and multiply-accumulates at `input_size`, of the network built without memory for its weights."""
        from facenas.backbones.timm_network import cost

        self.check(architecture)
        return cost(self)

    def described(self, architecture: Architecture) -> str:
        """The network by timm's own name, and its output layer."""
        return f"timm's {self.model}, output {self.output}"

    def published_weights(self, file: str | None = None) -> "dict[str, Tensor]":
        """Weights that timm publishes, or those of a safetensors file, by their names in the network.

        Args:
            file: A safetensors file of the weights; None: they are fetched from where timm publishes them.

        Raises:
            ModelError: If they cannot be had.
        """
        from facenas.backbones.timm_network import published_weights

        return published_weights(self, file)


def timm_space(model: str, **options: Any) -> TimmSpace:
    """The space of a network of timm, with the output layer that it can have where none is named.

    Args:
        model: Name of the network in timm.
        options: Other fields of `TimmSpace`.

    Raises:
        ModelError: If timm has no such network, or cannot build it for such images.
    """
    space = TimmSpace(model=model, **options)
    if "output" not in options and not space.num_classes:
        try:
            is_map = space.features.is_map
        except ModelError:  # a network whose pooling cannot be left out, or one that cannot be built at all, which `check` tells
            is_map = False
        space = space if is_map else space.model_copy(update={"output": "pool"})
    space.check(space.start())
    return space


def published_weights(space: TimmSpace, file: str | None = None) -> "dict[str, Tensor]":
    """Weights of a network of timm, as `TimmSpace.published_weights` gives them.

    Args:
        space: Space of the network.
        file: A safetensors file of the weights; None: they are fetched from where timm publishes them.

    Raises:
        ModelError: If the weights cannot be had.
    """
    return space.published_weights(file)
