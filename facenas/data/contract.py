"""The input contract: what a network expects of an image. It travels with the weights, into every file."""

from functools import cache
from math import isfinite
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from torch import Tensor

from facenas.data.faces import Size, as_size
from facenas.settings import Section

MOST_SIDE = 4096


def _image_size(value: Any) -> Any:
    """An image size as it is kept: one side where height and width are equal, else both."""
    numbers = [value] if isinstance(value, int) else value
    if (
        not isinstance(numbers, list | tuple)
        or len(numbers) not in (1, 2)
        or not all(type(side) is int and 0 < side <= MOST_SIDE for side in numbers)
    ):
        raise ValueError(f"a size is a side of 1 to {MOST_SIDE:,} pixels, or height and width such as [112, 96]")
    return as_size(numbers[0], numbers[-1])


def _several(value: Any) -> Any:
    """A tuple of numbers; a single number becomes a tuple of one."""
    return (value,) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _finite(values: tuple[float, ...]) -> tuple[float, ...]:
    if len(values) not in (1, 3) or not all(map(isfinite, values)):
        raise ValueError("there must be one finite number, or one for each of 3 channels")
    return values


def _positive(values: tuple[float, ...]) -> tuple[float, ...]:
    if min(values) <= 0:
        raise ValueError("a divisor must be positive")
    return values


ImageSize = Annotated[Size, BeforeValidator(_image_size)]
PerChannel = Annotated[tuple[float, ...], BeforeValidator(_several), AfterValidator(_finite)]
Divisor = Annotated[PerChannel, AfterValidator(_positive)]
Layout = Literal["nchw", "nhwc"]


class InputContract(Section):
    """How an 8-bit RGB image becomes a network's input, and whether the output is normalised.

    The defaults are the ArcFace convention.
    """

    size: ImageSize = Field(112, description="Image side in pixels, or height and width.")
    color: Literal["rgb", "bgr", "grey"] = Field("rgb", description="Order of the channels that the network was trained with.")
    mean: PerChannel = Field((127.5,), description="Subtracted from 0..255 values: one number, or one per channel.")
    std: Divisor = Field((127.5,), description="Divisor after the subtraction: one number, or one per channel.")
    layout: Layout = Field("nchw", description="Order of the axes that a file takes: batch, channels, height, width; or nhwc.")
    alignment: Literal["none", "arcface"] = Field("none", description="Template that faces were aligned to.")
    normalised: bool = Field(False, description="Whether the network's outputs have unit length.")

    @model_validator(mode="after")
    def _numbers(self) -> Self:
        if not {len(self.mean), len(self.std)} <= {1, self.channels}:
            raise ValueError(f"mean and std need one number or {self.channels}")
        return self

    @property
    def channels(self) -> int:
        """The number of channels of the network's input."""
        return 1 if self.color == "grey" else 3

    def prepare(self, images: Tensor) -> Tensor:
        """Turn images (B, C, H, W), uint8, RGB or grey, into the network's input (B, C, H, W), float32."""
        if self.color == "bgr":
            images = images.flip(1)
        return (images.float() - _column(self.mean, images.device)) / _column(self.std, images.device)


@cache  # a copy to a GPU would be waited for
def _column(values: tuple[float, ...], device: torch.device) -> Tensor:
    return torch.tensor(values, device=device).view(1, -1, 1, 1)
