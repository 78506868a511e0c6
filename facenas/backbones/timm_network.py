"""Networks of timm with an embedding layer, built, measured without memory for their weights, and given published weights."""

from functools import cache
from typing import Any, NamedTuple

import timm
import torch
from torch import Tensor, nn

from facenas.backbones.cost import Cost
from facenas.backbones.counting import counted
from facenas.backbones.layers import embedding_layer, initialise
from facenas.backbones.timm_space import POINT, TimmSpace
from facenas.errors import ModelError, nearest


def build(space: TimmSpace) -> "TimmNetwork":
    """A network with fresh weights, from images (B, C, H, W) to embeddings (B, D) that are not normalised, or logits (B, N)."""
    if space.num_classes:
        return TimmNetwork(_create(space, num_classes=space.num_classes), nn.Identity())
    channels, size = space.features.shape[0], space.features.shape[-1]
    head = embedding_layer(space.output, channels, size=size, dimension=space.embedding_size, dropout=space.dropout)
    return TimmNetwork(_create(space, **_unpooled(pooled=space.output == "pool")), head.apply(initialise))


class TimmNetwork(nn.Module):
    """timm's network and the embedding layer; timm's keeps the names of its parameters, so that published weights fit.

    Args:
        body: timm's network.
        head: The embedding layer, or the identity for a classifier.
    """

    def __init__(self, body: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.body, self.head = body, head

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W) -> embeddings (B, D), or logits (B, N)."""
        out: Tensor = self.head(self.body(x))
        return out


class TimmFeatures(NamedTuple):
    """What a network of timm ends in, without its classifier.

    Attributes:
        shape: Shape of one image's features: (C, H, W), (T, C) or (C,).
        is_map: Whether the features are a square map (C, H, W).
    """

    shape: tuple[int, ...]
    is_map: bool


def published_weights(space: TimmSpace, file: str | None = None) -> dict[str, Tensor]:
    """Weights that timm publishes, or those of a safetensors file, by their names in the network that the space builds.

    Args:
        space: Space of the network.
        file: A safetensors file of the weights; None: they are fetched from where timm publishes them.

    Raises:
        ModelError: If the weights cannot be had.
    """
    overlay = {"file": file, "url": None, "hf_hub_id": None, "custom_load": False} if file else None
    if file and not file.endswith(".safetensors"):
        raise ModelError(f"the weights of {space.model} must be a .safetensors file, got {file}")
    options = {"num_classes": space.num_classes} if space.num_classes else _unpooled(pooled=space.output == "pool")
    try:
        body = timm.create_model(space.model, pretrained=True, pretrained_cfg_overlay=overlay, **_sizes(space.model, space), **options)
    except Exception as error:  # timm, its hub and its network each have their own
        raise ModelError(
            f"the weights of timm's {space.model} cannot be had from {file or 'the Hugging Face hub'}: {_short(error)}; fetch them where "
            "there is a network, name a file with timm:NAME@FILE.safetensors, or leave --pretrained out"
        ) from None
    return {f"body.{name}": value for name, value in body.state_dict().items()}


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__


def _unpooled(*, pooled: bool) -> dict[str, Any]:
    return {"num_classes": 0} if pooled else {"num_classes": 0, "global_pool": ""}


def _sizes(model: str, space: TimmSpace) -> dict[str, Any]:
    """Channels, and the image's side where the network has to know it."""
    fixed = getattr(timm.get_pretrained_cfg(model), "fixed_input_size", False)
    return {"in_chans": space.in_channels} | ({"img_size": space.input_size} if fixed else {})


def _create(space: TimmSpace, **options: Any) -> nn.Module:
    if not timm.is_model(space.model):
        close = timm.list_models(f"{space.model[:3]}*") or ["resnet18", "mobilenetv4_conv_small"]
        raise ModelError(f"timm has no network {space.model!r}; {nearest(space.model, close)}")
    try:
        network: nn.Module = timm.create_model(space.model, **_sizes(space.model, space), **options)
    except (RuntimeError, TypeError, ValueError, AssertionError) as error:
        raise _unfit(space, error) from None
    return network


def _unfit(space: TimmSpace, error: Exception) -> ModelError:
    side = space.input_size
    return ModelError(f"timm's {space.model} takes no images of {side} x {side} pixels: {_short(error)}; give another input_size")


@cache
def features(model: str, *, size: int, channels: int, pooled: bool) -> TimmFeatures:
    """What timm's network ends in, without its classifier.

    Args:
        model: Name of the network in timm.
        size: Side of the image in pixels.
        channels: Channels of the image.
        pooled: Whether timm's own pooling is kept.
    """
    space = TimmSpace(model=model, input_size=size, in_channels=channels)
    with torch.random.fork_rng(devices=[]):
        with torch.device("meta"):
            body = _create(space, **_unpooled(pooled=pooled)).eval()
        shape = tuple(_through(body, space).shape[1:])
    is_map = len(shape) == 3 and shape[1] == shape[2] and getattr(body, "output_fmt", "NCHW") != "NHWC"
    return TimmFeatures(shape, is_map)


@cache
def cost(space: TimmSpace) -> Cost:
    """Parameters and multiply-accumulates of the space's network."""
    try:
        return counted(lambda: space.build(POINT), channels=space.in_channels, size=space.input_size)
    except (RuntimeError, TypeError, ValueError, AssertionError) as error:
        raise _unfit(space, error) from None


def _through(network: nn.Module, space: TimmSpace) -> Tensor:
    try:
        with torch.no_grad():
            out: Tensor = network(torch.zeros(1, space.in_channels, space.input_size, space.input_size, device="meta"))
    except (RuntimeError, TypeError, ValueError, AssertionError) as error:
        raise _unfit(space, error) from None
    return out
