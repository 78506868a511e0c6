"""Networks of timm with an embedding layer: what a found network is compared with, on the same recipe."""

from functools import cache
from typing import Any, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from facenas.backbones.architecture import Architecture
from facenas.backbones.cost import Cost
from facenas.backbones.output import Output, embedding_layer, initialise
from facenas.errors import ModelError, nearest
from facenas.settings import Section

POINT = Architecture(space="timm", depth=1, width=1, operations=(), kernels=())
PREFIX = "timm:"


class TimmSpace(Section):
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
        """The one point."""
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
    def features(self) -> "Features":
        """What the embedding layer is given."""
        return _features(self.model, size=self.input_size, channels=self.in_channels, pooled=self.output == "pool")

    def dimension(self, architecture: Architecture) -> int:
        """Embedding dimension D, or number of classes."""
        return self.num_classes or self.embedding_size

    def build(self, architecture: Architecture) -> nn.Module:
        """A network from images (B, C, H, W) to embeddings (B, D) that are not normalised, or logits (B, N)."""
        self.check(architecture)
        if self.num_classes:
            return TimmNetwork(_create(self, num_classes=self.num_classes), nn.Identity())
        channels, size = self.features.shape[0], self.features.shape[-1]
        head = embedding_layer(self.output, channels, size=size, dimension=self.embedding_size, dropout=self.dropout)
        return TimmNetwork(_create(self, **_unpooled(pooled=self.output == "pool")), head.apply(initialise))

    def cost(self, architecture: Architecture) -> Cost:
        """Parameters and multiply-accumulates at `input_size`, of the network built without memory for its weights."""
        self.check(architecture)
        return _cost(self)

    def count_parameters(self, architecture: Architecture) -> int:
        """Trainable parameters, without memory for them."""
        return self.cost(architecture).parameters

    def macs(self, architecture: Architecture) -> int:
        """Multiply-accumulates of convolutions and matrix products for one image of `input_size`."""
        return self.cost(architecture).macs


class TimmNetwork(nn.Module):
    """timm's network and the embedding layer; they keep their names, so that published weights fit the first."""

    def __init__(self, body: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.body, self.head = body, head

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W) -> embeddings (B, D), or logits (B, N)."""
        out: Tensor = self.head(self.body(x))
        return out


class Features(NamedTuple):
    """What a network of timm ends in, without its classifier.

    Attributes:
        shape: Of one image's features, (C, H, W), (T, C) or (C,).
        is_map: Whether they are a square map (C, H, W).
    """

    shape: tuple[int, ...]
    is_map: bool


def timm_space(model: str, **options: Any) -> TimmSpace:
    """The space of a network of timm, with the output layer that it can have where none is named.

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


def published_weights(space: TimmSpace, file: str | None = None) -> dict[str, Tensor]:
    """Weights that timm publishes, or those of a safetensors file, by their names in the network that the space builds.

    Raises:
        ModelError: If they cannot be had.
    """
    overlay = {"file": file, "url": None, "hf_hub_id": None, "custom_load": False} if file else None
    if file and not file.endswith(".safetensors"):
        raise ModelError(f"the weights of {space.model} must be a .safetensors file, got {file}")
    options = {"num_classes": space.num_classes} if space.num_classes else _unpooled(pooled=space.output == "pool")
    try:
        body = _timm().create_model(space.model, pretrained=True, pretrained_cfg_overlay=overlay, **_sizes(space.model, space), **options)
    except Exception as error:  # timm, its hub and its network each have their own
        raise ModelError(
            f"the weights of timm's {space.model} cannot be had from {file or 'the Hugging Face hub'}: {_short(error)}; fetch them where "
            "there is a network, name a file with timm:NAME@FILE.safetensors, or leave --pretrained out"
        ) from None
    return {f"body.{name}": value for name, value in body.state_dict().items()}


def _timm() -> Any:
    import timm

    return timm


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__


def _unpooled(*, pooled: bool) -> dict[str, Any]:
    return {"num_classes": 0} if pooled else {"num_classes": 0, "global_pool": ""}


def _sizes(model: str, space: TimmSpace) -> dict[str, int]:
    """Channels, and the image's side where the network has to know it."""
    fixed = _timm().get_pretrained_cfg(model).fixed_input_size
    return {"in_chans": space.in_channels} | ({"img_size": space.input_size} if fixed else {})


def _create(space: TimmSpace, **options: Any) -> nn.Module:
    if not _timm().is_model(space.model):
        close = _timm().list_models(f"{space.model[:3]}*") or ["resnet18", "mobilenetv4_conv_small"]
        raise ModelError(f"timm has no network {space.model!r}; {nearest(space.model, close)}")
    try:
        network: nn.Module = _timm().create_model(space.model, **_sizes(space.model, space), **options)
    except (RuntimeError, TypeError, ValueError, AssertionError) as error:
        raise _unfit(space, error) from None
    return network


def _unfit(space: TimmSpace, error: Exception) -> ModelError:
    side = space.input_size
    return ModelError(f"timm's {space.model} takes no images of {side} x {side} pixels: {_short(error)}; give another input_size")


@cache
def _features(model: str, *, size: int, channels: int, pooled: bool) -> Features:
    space = TimmSpace(model=model, input_size=size, in_channels=channels)
    with torch.random.fork_rng(devices=[]):
        with torch.device("meta"):
            body = _create(space, **_unpooled(pooled=pooled)).eval()
        shape = tuple(_through(body, space).shape[1:])
    is_map = len(shape) == 3 and shape[1] == shape[2] and getattr(body, "output_fmt", "NCHW") != "NHWC"
    return Features(shape, is_map)


@cache
def _cost(space: TimmSpace) -> Cost:
    from torch.utils.flop_counter import FlopCounterMode

    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        network = space.build(POINT).eval()
    with FlopCounterMode(display=False) as counter:
        _through(network, space)
    return Cost(sum(p.numel() for p in network.parameters() if p.requires_grad), counter.get_total_flops() // 2)


def _through(network: nn.Module, space: TimmSpace) -> Tensor:
    try:
        with torch.no_grad():
            out: Tensor = network(torch.zeros(1, space.in_channels, space.input_size, space.input_size, device="meta"))
    except (RuntimeError, TypeError, ValueError, AssertionError) as error:
        raise _unfit(space, error) from None
    return out
