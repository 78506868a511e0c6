"""Parameters and multiply-accumulates of layers, counted without building them."""

from typing import NamedTuple


class Cost(NamedTuple):
    """Trainable parameters, and multiply-accumulates of convolutions and matrix products for one image."""

    parameters: int
    macs: int

    def __add__(self, other: object) -> "Cost":
        """Cost of two layers in sequence."""
        if not isinstance(other, Cost):
            return NotImplemented
        return Cost(self.parameters + other.parameters, self.macs + other.macs)

    def less(self, other: "Cost") -> "Cost":
        """The cost that is left without a part."""
        return Cost(self.parameters - other.parameters, self.macs - other.macs)


NOTHING = Cost(0, 0)


def convolution(channels_in: int, channels_out: int, kernel: int, *, size: int, groups: int = 1) -> Cost:
    """Cost of a square convolution without bias.

    Args:
        channels_in: Channels of the input.
        channels_out: Channels of the output.
        kernel: Side of the kernel in pixels.
        size: Side of the output in pixels.
        groups: Number of groups; as many as channels for a depthwise convolution.
    """
    weights = kernel * kernel * channels_in // groups * channels_out
    return Cost(weights, weights * size * size)


def operation(kind: str, channels_in: int, channels_out: int, kernel: int, *, size: int, mixed: bool = True) -> Cost:
    """Cost of a layer as `layers.operation` builds it.

    Args:
        kind: Name of the operation.
        channels_in: Channels of the input.
        channels_out: Channels of the output.
        kernel: Side of the kernel in pixels.
        size: Side of the output in pixels.
        mixed: Whether the pointwise convolution is there even where the number of channels stays.
    """
    if kind == "conv":
        return convolution(channels_in, channels_out, kernel, size=size)
    each = NOTHING if kind.endswith("pool") else convolution(channels_in, channels_in, kernel, size=size, groups=channels_in)
    return each + convolution(channels_in, channels_out, 1, size=size) if mixed or channels_in != channels_out else each


def batch_norm(channels: int) -> Cost:
    """Cost of a BatchNorm: scale and shift per channel; its multiplications are not counted, as the field does."""
    return Cost(2 * channels, 0)


def linear(features_in: int, features_out: int) -> Cost:
    """Cost of a linear layer with bias.

    Args:
        features_in: Number of input features.
        features_out: Number of output features.
    """
    return Cost(features_in * features_out + features_out, features_in * features_out)
