"""Networks of the plain space: a chain of convolutions."""

from typing import Any

from torch import Tensor, nn

from facenas.backbones import layers
from facenas.backbones.architecture import Architecture
from facenas.backbones.fast import fast
from facenas.backbones.plain import PlainSpace, plan
from facenas.native import fused


def build(space: PlainSpace, architecture: Architecture) -> "PlainNetwork":
    """A network with fresh weights, from images (B, C, H, W) to logits (B, num_classes).

    Args:
        space: Space with input size and number of classes.
        architecture: Point of the space, which is taken to lie in it.
    """
    width = architecture.width
    modules: list[nn.Module] = [layers.conv(space.in_channels, 2 * width, 3), nn.BatchNorm2d(2 * width)]
    for kind, kernel, channels_in, channels_out, stride in plan(architecture):
        layer = layers.operation(kind, channels_in, channels_out, kernel, stride=stride)
        modules += [nn.ReLU(), layer, nn.BatchNorm2d(channels_out)]
    return PlainNetwork(*modules, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, space.num_classes))


class PlainNetwork(nn.Sequential):
    """The chain of modules; in training, what lies between two pointwise convolutions may be one operation (see `fast`, `fused`)."""

    slower_uncompiled = 1.4  # without a C compiler: docs/performance.md

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W) -> logits (B, N)."""
        modules: list[Any] = list(self)
        if not (self.training and fast()):
            for module in modules:
                x = module(x)
            return x
        first, *middle, norm, _, flatten, linear = modules
        x = fused.stem(x, first)
        for before, _, layer in zip(middle[::3], middle[1::3], middle[2::3], strict=True):
            if isinstance(layer, nn.Conv2d):
                x = layer(before(x).relu_())
            else:
                depthwise, pointwise = layer
                x = pointwise(fused.norm_relu_depthwise(x, before, depthwise))
        logits: Tensor = linear(flatten(fused.norm_pool(x, norm)))
        return logits
