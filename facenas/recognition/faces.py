"""Faces found in a picture, and which of them are meant."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

import numpy as np

from facenas.data.alignment import Points
from facenas.data.faces import Images

Choice = Literal["largest", "centre", "all"]


class Face(NamedTuple):
    """A face in a picture.

    Attributes:
        box: Left, top, width and height in pixels of the upright picture.
        points: Eyes, nose, corners of the mouth, (5, 2), x and y in pixels; of each pair the one at the left of the picture first.
        score: The detector's confidence, on a scale of its own.
    """

    box: tuple[float, float, float, float]
    points: Points
    score: float | None = None

    @property
    def area(self) -> float:
        """Area of the box in square pixels."""
        return self.box[2] * self.box[3]


class Detector(Protocol):
    """A function that finds the faces in a picture."""

    def __call__(self, image: Images, name: str) -> list[Face]:
        """Find the faces in a picture.

        Args:
            image: The picture (H, W, 3), RGB, uint8.
            name: Path of the picture below the folder of pictures, for detectors that look it up.
        """


def chosen(faces: Sequence[Face], choice: Choice, image: Images) -> list[Face]:
    """The faces of a picture that are meant.

    Args:
        faces: All faces found.
        choice: `all`: every face, from the largest to the smallest; `largest`; or `centre`: the one nearest to the picture's centre.
        image: The picture (H, W, 3).
    """
    if choice == "centre":
        middle = np.array(image.shape[1::-1]) / 2
        return sorted(faces, key=lambda face: float(np.hypot(*(_centre(face) - middle))))[:1]
    by_size = sorted(faces, key=lambda face: -face.area)
    return by_size if choice == "all" else by_size[:1]


def mirrored(points: Points) -> bool:
    """Whether five points are those of a mirror image: of each pair the one at the right of the picture first. Turned faces are not."""
    eyes, down = points[1] - points[0], points[3:].mean(axis=0) - points[:2].mean(axis=0)
    return bool(eyes[0] * down[1] - eyes[1] * down[0] < 0)


def _centre(face: Face) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    left, top, width, height = face.box
    return np.array([left + width / 2, top + height / 2])
