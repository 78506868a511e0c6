"""The input contract: what a network expects of an image. It travels with the weights, into every file."""

from functools import cache
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from facenas.settings import Section


class InputContract(Section):
    """How an 8-bit RGB image becomes a network's input, and whether the output is normalised.

    The defaults are the ArcFace convention.
    """

    size: int = Field(112, ge=1, description="Image side in pixels.")
    color: Literal["rgb", "bgr", "grey"] = Field("rgb", description="Order of the channels that the network was trained with.")
    mean: tuple[float, ...] = Field((127.5,), description="Subtracted from 0..255 values: one number, or one per channel.")
    std: tuple[float, ...] = Field((127.5,), description="Divisor after the subtraction: one number, or one per channel.")
    alignment: Literal["none", "arcface"] = Field("none", description="Template that faces were aligned to.")
    normalised: bool = Field(False, description="Whether the network's outputs have unit length.")

    @model_validator(mode="after")
    def _numbers(self) -> Self:
        if not {len(self.mean), len(self.std)} <= {1, self.channels} or min(self.std) <= 0:
            raise ValueError(f"mean and std need one number or {self.channels}, and std must be positive")
        return self

    @property
    def channels(self) -> int:
        """Channels of the network's input."""
        return 1 if self.color == "grey" else 3

    def prepare(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W), uint8 RGB or grey, -> network input (B, C, H, W), float32."""
        if self.color == "bgr":
            images = images.flip(1)
        return (images.float() - _column(self.mean, images.device)) / _column(self.std, images.device)


@cache  # a copy to a GPU would be waited for
def _column(values: tuple[float, ...], device: torch.device) -> Tensor:
    return torch.tensor(values, device=device).view(1, -1, 1, 1)
