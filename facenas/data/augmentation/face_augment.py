"""AdaFace's augmentation: what happens to an image is a function of the settings, the image and a seed."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from facenas.data.augmentation.face_changes import (
    CROP_DRAWS,
    GREY,
    INTERPOLATIONS,
    LEAST_SIDE,
    ORDERS,
    Draws,
    crop_boxes,
    low_resolution,
    paste_crop,
    photometric,
)
from facenas.data.faces import Images
from facenas.settings import Section

Seeds = NDArray[np.uint64]
V = TypeVar("V")
LOW_AT = 4 + CROP_DRAWS  # where an image's numbers for each change begin
COLOURS_AT = LOW_AT + 3
DRAWS = COLOURS_AT + 4


class Change(NamedTuple):
    """What happens to one image; a part that is None does not happen."""

    crop: list[int] | None
    low: tuple[int, int, int] | None  # side in pixels, interpolation down and up
    colours: tuple[tuple[float, float, float], str] | None  # factors and their order
    flip: bool


class FaceAugmentation(Section):
    """Random changes of training faces, with AdaFace's probabilities by default; they happen in the order of the fields."""

    crop: float = Field(0.2, ge=0, le=1, description="Probability of a part of the image, at its place on black, not resized.")
    low_resolution: float = Field(0.2, ge=0, le=1, description="Probability of an image made small and large again.")
    photometric: float = Field(0.2, ge=0, le=1, description="Probability of changed brightness, contrast and saturation.")
    flip: float = Field(0.5, ge=0, le=1, description="Probability of a horizontal flip.")
    photometric_on: Literal["rgb", "bgr"] = Field(
        "rgb", description="Colour order that grey values are computed in; AdaFace's code takes BGR data for RGB: bgr."
    )

    def changes(self, seeds: Seeds, size: int) -> list[Change]:
        """Draw what happens to images, each by its own seed.

        Args:
            seeds: Seed of each image, shape (K,).
            size: Side of the images in pixels.
        """
        draws = uniforms(seeds, DRAWS)
        crops, lows, colours, flips = (draws[:, :4] < (self.crop, self.low_resolution, self.photometric, self.flip)).T
        boxes = _placed(crops, crop_boxes(draws[crops, 4:LOW_AT], size).tolist())
        resolutions = _placed(lows, _resolutions(draws[lows, LOW_AT:COLOURS_AT], size))
        jitters = _placed(colours, _jitters(draws[colours, COLOURS_AT:]))
        return list(map(Change, boxes, resolutions, jitters, flips.tolist()))

    def apply(self, image: Images, change: Change, out: Images) -> None:
        """Change an image and write the result to `out`.

        Args:
            image: The RGB image (H, H, 3), uint8; it stays as it is.
            change: The change from `changes`.
            out: The array (H, H, 3), uint8, that is filled.
        """
        if change.crop:
            image = paste_crop(image, change.crop)
        if change.low:
            side, down, up = change.low
            image = low_resolution(image, side, down=down, up=up)
        if change.colours:
            factors, order = change.colours
            image = photometric(image, factors, order=order, grey=GREY if self.photometric_on == "rgb" else GREY[::-1])
        if change.flip:
            cv2.flip(image, 1, dst=out)
        else:
            out[:] = image

    def augment(self, image: Images, seed: int) -> Images:
        """Draw and apply the change of a single image.

        Args:
            image: The RGB image (H, H, 3), uint8.
            seed: Seed of the change.

        Returns:
            The changed image (H, H, 3), uint8.
        """
        out = np.empty_like(image)
        self.apply(image, self.changes(np.array([seed], dtype=np.uint64), image.shape[0])[0], out)
        return out


def _placed(chosen: NDArray[np.bool_], values: Sequence[V]) -> list[V | None]:
    """The values at the chosen places (K,), None at the others."""
    result: list[V | None] = [None] * len(chosen)
    for place, value in zip(np.flatnonzero(chosen).tolist(), values, strict=True):
        result[place] = value
    return result


def _resolutions(draws: Draws, size: int) -> list[tuple[int, int, int]]:
    """Side and the two interpolations of `low_resolution` for each image, from uniform numbers (K, 3)."""
    sides = np.maximum(1, (LEAST_SIDE + (1 - LEAST_SIDE) * draws[:, 0]) * size).astype(np.int64).tolist()
    ways = (draws[:, 1:] * len(INTERPOLATIONS)).astype(np.int64).tolist()
    return [(side, INTERPOLATIONS[down], INTERPOLATIONS[up]) for side, (down, up) in zip(sides, ways, strict=True)]


def _jitters(draws: Draws) -> list[tuple[tuple[float, float, float], str]]:
    """Factors of brightness, contrast and saturation, and their order, from uniform numbers (K, 4)."""
    orders = (draws[:, 3] * len(ORDERS)).astype(np.int64).tolist()
    return [((b, c, s), ORDERS[order]) for (b, c, s), order in zip((0.5 + draws[:, :3]).tolist(), orders, strict=True)]


def uniforms(seeds: Seeds, count: int) -> Draws:
    """Uniform numbers in [0, 1): the first `count` of each seed's own SplitMix64 stream.

    Args:
        seeds: Seeds, shape (K,).
        count: Numbers for each seed.

    Returns:
        Numbers (K, count).

    Source: Steele et al., Fast Splittable Pseudorandom Number Generators (2014); the seed is mixed once, so that neighbours share nothing.
    """
    return np.asarray(_mixed(_mixed(seeds[:, None]) + _steps(count)) >> np.uint64(11), dtype=np.float64) * 2.0**-53


def image_seeds(epoch_seed: int, positions: NDArray[np.int64]) -> Seeds:
    """The seed of each image in an epoch; it does not depend on the process that reads the image.

    Args:
        epoch_seed: Seed of the epoch.
        positions: Places of the images in the epoch's order, shape (K,).

    Returns:
        Seeds, shape (K,).
    """
    return _mixed(np.array([epoch_seed % 2**64], dtype=np.uint64)) + positions.astype(np.uint64)


def _steps(count: int) -> Seeds:
    return np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)


def _mixed(values: Seeds) -> Seeds:
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
