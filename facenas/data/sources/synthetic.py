"""Drawn faces: every identity has its own proportions and colours, every picture its own light, place and noise."""

from typing import Literal

import cv2
import numpy as np
from pydantic import Field

from facenas.data.faces import FaceSet, Images, Labels, Size, sides
from facenas.data.sources.source import FaceSource

CANVAS = 64


class SyntheticFaces(FaceSource):
    """Drawn faces, for tests: learnable, tiny, made in an instant."""

    name: Literal["synthetic"] = Field("synthetic", description="Name of the source.")
    people: int = Field(24, ge=4, description="Number of identities.")
    photographs: int = Field(8, ge=2, description="Pictures of each.")
    test_people: int = Field(8, ge=0, description="Identities kept for testing: never used for search or training.")

    def open(self, size: Size) -> FaceSet:
        """Draw the faces, into memory."""
        images, identities = draw_faces(people=self.people, photographs=self.photographs, size=size)
        return FaceSet("synthetic", images, identities, tuple(f"face{i}" for i in range(self.people)))


def draw_faces(*, people: int, photographs: int, size: Size, seed: int = 0) -> tuple[Images, Labels]:
    """Draw pictures of faces for a number of identities.

    Args:
        people: Number of identities.
        photographs: Number of pictures of each identity.
        size: Size of the pictures in pixels: a side, or height and width.
        seed: Seed of everything that is random.

    Returns:
        Images (people * photographs, H, W, 3), RGB uint8, and the identity of each.
    """
    rng = np.random.default_rng(seed)
    traits = rng.uniform(0, 1, (people, 12))
    images = [_draw(trait, rng, size) for trait in traits for _ in range(photographs)]
    return np.stack(images), np.repeat(np.arange(people, dtype=np.int64), photographs)


def _draw(trait: np.ndarray, rng: np.random.Generator, size: Size) -> Images:
    x, y = (CANVAS / 2 + rng.normal(0, 1.5, 2)).tolist()
    hair, skin, eyes, lips = (_color(trait[a], trait[b]) for a, b in ((0, 1), (2, 3), (4, 5), (6, 7)))
    wide, high, apart, mouth = 14 + 8 * trait[8], 20 + 8 * trait[9], 5 + 6 * trait[10], 3 + 7 * trait[11]
    canvas = np.full((CANVAS, CANVAS, 3), rng.uniform(0, 255), np.float32)
    for center, axes, color in [
        ((x, y - 4), (wide + 3, high + 2), hair),
        ((x, y), (wide, high), skin),
        ((x - apart, y - 4), (3, 2), eyes),
        ((x + apart, y - 4), (3, 2), eyes),
        ((x, y + 10), (mouth, 2), lips),
    ]:
        cv2.ellipse(canvas, tuple(map(round, center)), tuple(map(round, axes)), 0, 0, 360, color, -1)
    lit = canvas * rng.uniform(0.7, 1.3) + rng.normal(0, 10, canvas.shape)
    small = cv2.resize(lit.astype(np.float32), sides(size)[::-1], interpolation=cv2.INTER_AREA)
    return np.clip(small, 0, 255).astype(np.uint8)


def _color(hue: float, light: float) -> tuple[float, float, float]:
    red, green, blue = (255 * (0.15 + 0.7 * light) * (0.6 + 0.4 * np.cos(2 * np.pi * (hue + shift / 3))) for shift in range(3))
    return float(red), float(green), float(blue)
