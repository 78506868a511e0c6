"""Which layers lower precision harms most: found by measuring, on images."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import onnx

from facenas.export.parity import Batch, cosines_of, onnx_runner

Convert = Callable[[Sequence[str]], onnx.ModelProto]  # names of layers that stay in float32 -> model


class Kept(NamedTuple):
    """A converted model, and the layers that stayed in float32, most harmful first."""

    model: onnx.ModelProto
    layers: list[str]


def keep_sensitive(convert: Convert, layers: Sequence[str], images: Batch, expected: Batch, *, least_cosine: float) -> Kept:
    """Convert as many layers as leave every image's output where it was.

    Each layer is converted alone to see what it costs. Then the most costly ones stay in float32, as few as reach the aim: a
    binary search, since a layer more in float32 does no harm. If nothing reaches it, all layers stay.

    Args:
        convert: Converts a model but for some layers.
        layers: Names of those that can be converted.
        images: (B, C, H, W) as the model takes them.
        expected: Its outputs (B, D) in float32.
        least_cosine: Smallest cosine of an image's two outputs.
    """

    def agreement(kept: Sequence[str]) -> float:
        return float(cosines_of(expected, onnx_runner(convert(kept).SerializeToString())(images)).min())

    if agreement([]) >= least_cosine:
        return Kept(convert([]), [])
    ranked = sorted(layers, key=lambda layer: agreement([other for other in layers if other != layer]))
    low, high = 1, len(ranked)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if agreement(ranked[:middle]) >= least_cosine else (middle + 1, high)
    return Kept(convert(ranked[:low]), ranked[:low])
