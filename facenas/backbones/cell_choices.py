"""What an edge of a cell may compute: DARTS' operators and those of AllegroNAS, the table that they are built and counted from.

AllegroNAS says in a sentence each, and draws without numbers, what its two modules change (section 3.2, figure 2). What it leaves open:

- AllegroSepConv "changes the number of output channels after the first layer": the first of its two separable convolutions ends in
  `WIDENING` times the channels, the second works on them and goes back. The factor is ours.
- AllegroDilConv has "additional convolution layers": one further separable convolution of the same kernel, with its own ReLU and BatchNorm,
  not dilated. As many layers as AllegroSepConv, with which it is to "compete more fairly".
- Group convolution "replaced standard convolution" (section 3.5.2): in the pointwise convolutions of both modules; depthwise ones are
  grouped already. With 2 groups, ours, the modules have as many pointwise weights as DARTS' own, which fits the paper's table 2
  (3.59 M parameters with DARTS' space, 3.67 M and 3.62 M with Allegro's). Channels are not shuffled: the next cell's 1x1 mixes them.
"""

from typing import NamedTuple

from facenas.backbones import cost
from facenas.backbones.architecture import Kernel, Operation
from facenas.backbones.cost import Cost

WIDENING = 2
Edge = tuple[Operation, Kernel]
POOLS: tuple[Edge, ...] = (("max_pool", 3), ("avg_pool", 3), ("skip", 1))
OPERATORS: dict[str, tuple[Edge, ...]] = {
    "darts": (*POOLS, ("sep_conv", 3), ("sep_conv", 5), ("dil_conv", 3), ("dil_conv", 5)),
    "allegro": (*POOLS, ("allegro_sep_conv", 3), ("allegro_sep_conv", 5), ("allegro_dil_conv", 3), ("allegro_dil_conv", 5)),
}


class Separable(NamedTuple):
    """ReLU - depthwise convolution - pointwise convolution - BatchNorm; channels as multiples of the cell's.

    Attributes:
        channels_in: Channels of the input, as a multiple.
        channels_out: Channels of the output, as a multiple.
        dilation: Distance of the depthwise kernel's taps in pixels; 1: not dilated.
    """

    channels_in: int
    channels_out: int
    dilation: int


# Liu et al., "DARTS: differentiable architecture search", 2019, section 3.1.1 and `operations.py`; AllegroNAS, section 3.2.
CONVOLUTIONS: dict[str, tuple[Separable, ...]] = {
    "sep_conv": (Separable(1, 1, 1), Separable(1, 1, 1)),
    "dil_conv": (Separable(1, 1, 2),),
    "allegro_sep_conv": (Separable(1, WIDENING, 1), Separable(WIDENING, 1, 1)),
    "allegro_dil_conv": (Separable(1, 1, 2), Separable(1, 1, 1)),
}


def operator_cost(edge: Edge, channels: int, *, stride: int, groups: int, size: int) -> Cost:
    """Cost of an operator of a trained network, as `cell_operations.operator` builds it.

    Args:
        edge: Operation and kernel size.
        channels: Channels of its input and output.
        stride: Stride, 1 or 2.
        groups: Number of groups of the pointwise convolutions in AllegroNAS' modules.
        size: Side of the output in pixels.
    """
    kind, kernel = edge
    if kind == "skip":
        return cost.NOTHING if stride == 1 else relu_conv_norm_cost(channels, channels, size=size)
    total, grouped = cost.NOTHING, groups if kind.startswith("allegro") else 1
    for part in CONVOLUTIONS.get(kind, ()):
        first, last = part.channels_in * channels, part.channels_out * channels
        total += cost.convolution(first, first, kernel, size=size, groups=first)
        total += cost.convolution(first, last, 1, size=size, groups=grouped) + cost.batch_norm(last)
    return total


def relu_conv_norm_cost(channels_in: int, channels_out: int, *, size: int) -> Cost:
    """Cost of `cell_operations.relu_conv_norm`, and of `FactorizedReduce`.

    Args:
        channels_in: Channels of the input.
        channels_out: Channels of the output.
        size: Side of the output in pixels.
    """
    return cost.convolution(channels_in, channels_out, 1, size=size) + cost.batch_norm(channels_out)
