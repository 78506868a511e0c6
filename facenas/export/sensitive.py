"""Which layers lower precision harms most: found by measuring, on images."""

from collections.abc import Callable, Sequence
from typing import Annotated, NamedTuple

import onnx
from pydantic import Field

from facenas.export.parity import Batch, cosines_of, onnx_runner

JUDGED_ALONE = 16  # calibration images on which each layer's harm is measured
Aim = Annotated[float, Field(ge=-1, le=1, description="Layers stay in float32 until the outputs of the calibration images agree so well.")]
Convert = Callable[[Sequence[str]], onnx.ModelProto]  # names of layers that stay in float32 -> model


class Kept(NamedTuple):
    """A converted model, and the layers that stayed in float32, most harmful first."""

    model: onnx.ModelProto
    layers: list[str]


def keep_sensitive(model: onnx.ModelProto, convert: Convert, layers: Sequence[str], images: Batch, *, least_cosine: float) -> Kept:
    """Convert as many layers as leave every image's output where it was.

    Each layer is converted alone to see what it costs. Then the most costly ones stay in float32, as few as reach the aim: a
    binary search, since a layer more in float32 does no harm. If nothing reaches it, all layers stay.

    Args:
        model: The model in float32.
        convert: Function that converts it but for the layers of the given names.
        layers: Names of the layers that can be converted.
        images: Images (M, C, H, W) as the model takes them; the first of them are used.
        least_cosine: Smallest cosine of an image's two outputs, before and after, that is good enough.
    """
    few = images[:JUDGED_ALONE]
    expected = onnx_runner(model.SerializeToString())(few)

    def agreement(kept: Sequence[str]) -> float:
        return float(cosines_of(expected, onnx_runner(convert(kept).SerializeToString())(few)).min())

    if agreement([]) >= least_cosine:
        return Kept(convert([]), [])
    ranked = sorted(layers, key=lambda layer: agreement([other for other in layers if other != layer]))
    low, high = 1, len(ranked)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if agreement(ranked[:middle]) >= least_cosine else (middle + 1, high)
    return Kept(convert(ranked[:low]), ranked[:low])
