"""From a picture to the faces in it, cut out as a network expects them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from facenas.data.alignment import Points, align_face
from facenas.data.faces import Images, Size
from facenas.data.formats.images import looks_aligned, middle, resized
from facenas.data.formats.picture_files import Listed, PictureError, read_picture
from facenas.errors import DataError
from facenas.recognition.detector import DETECTORS, NOTHING
from facenas.recognition.faces import Choice, Detector, Face, chosen
from facenas.settings import Section

Status = Literal["aligned", "as it is", "centre", "no face", "too small", "unreadable", "left out"]
MOST_SIDE = 32767  # OpenCV counts in 16 bits here
AS_IT_IS = "taken for an aligned face as it is"


class Alignment(Section):
    """Settings of how faces are found and cut out."""

    detector: str = Field(NOTHING, description="What finds faces, by its name; none: each picture is an aligned face.")
    detector_model: str | None = Field(None, description="The detector's model file; null: the usual one.")
    landmarks: str | None = Field(None, description="A list of faces instead of a detector.")
    faces: Choice = Field("largest", description="Which faces of a picture are meant.")
    otherwise: Literal["centre"] | None = Field(
        None, description="What is cut out where no face is found: the middle square; null: nothing."
    )
    min_size: int = Field(20, ge=1, description="Shorter side, in pixels, that a face's box must have.")

    def make_detector(self) -> Detector | None:
        """Make the detector that the settings name; None if each picture is an aligned face.

        Raises:
            SettingsError: If no detector has this name.
            DataError: If the detector's package is not installed, or its model file cannot be downloaded.
            ModelError: If its model file is of another kind.
        """
        if self.landmarks is not None:
            from facenas.recognition.landmarks import listed_faces

            return listed_faces(Path(self.landmarks))
        if self.detector == NOTHING:
            return None
        made: Detector = DETECTORS.get(self.detector)(model=self.detector_model).build()
        return made


@dataclass(frozen=True)
class Cut:
    """What became of a picture, or of one of its faces.

    Attributes:
        picture: Path of the picture below the folder.
        status: `aligned`, `as it is` or `centre`, where there are pixels; else why there are none.
        reason: More about the status, for people.
        found: Number of faces found in the picture.
        face: Place of this face in the picture; None where none was found.
        pixels: The face that was cut out, (H, W, 3), RGB, uint8; None where there is none.
    """

    picture: str
    status: Status
    reason: str = ""
    found: int = 0
    face: Face | None = None
    pixels: Images | None = None


def cut_faces(picture: Listed, detector: Detector | None, alignment: Alignment, *, size: Size) -> list[Cut]:
    """Find and cut out the faces of a picture that are meant.

    Args:
        picture: The listed picture.
        detector: What finds the faces; None: the picture is an aligned face.
        alignment: Settings that say which faces are meant.
        size: Size of a face in pixels: a side, or height and width.

    Returns:
        A cut for each face, or a single one with the reason why there is none.
    """
    if picture.left_out:
        return [Cut(picture.name, "left out", picture.left_out)]
    try:
        pixels, remark = read_picture(picture.path)
    except PictureError as error:
        return [Cut(picture.name, "unreadable", error.reason)]
    if detector is None:
        return [Cut(picture.name, "as it is", _joined(remark, _unlike_aligned(pixels, size)), 1, pixels=resized(pixels, size))]
    faces = detector(pixels, picture.name)
    large = [face for face in faces if min(face.box[2:]) >= alignment.min_size]
    meant = chosen(large, alignment.faces, pixels)
    if not meant:
        if alignment.otherwise == "centre":
            reason = _joined(remark, _too_small(faces, alignment) or "no face is found", "the middle of the picture")
            return [Cut(picture.name, "centre", reason, len(faces), pixels=resized(middle(pixels, size), size))]
        status: Status = "too small" if faces else "no face"
        return [Cut(picture.name, status, _joined(remark, _too_small(faces, alignment)), len(faces), max(faces, key=_area, default=None))]
    rest = f"the {alignment.faces} of {len(faces)} faces" if len(faces) > 1 and alignment.faces != "all" else ""
    return [_aligned(picture.name, pixels, face, size, _joined(remark, rest), len(faces)) for face in meant]


def _aligned(name: str, pixels: Images, face: Face, size: Size, reason: str, found: int) -> Cut:
    template = 112 if isinstance(size, int) and size % 112 and size % 128 else size
    try:
        return Cut(name, "aligned", reason, found, face, resized(align_face(*_nearby(pixels, face.points), template), size))
    except DataError as error:
        return Cut(name, "no face", str(error), found, face)


def _nearby(pixels: Images, points: Points) -> tuple[Images, Points]:
    """The part of a picture around a face, where the picture is larger than OpenCV can warp, and the points (5, 2) in this part."""
    if max(pixels.shape[:2]) < MOST_SIDE:
        return pixels, points
    low, high = points.min(axis=0), points.max(axis=0)
    room = 4 * (high - low).max()
    left, top = np.maximum(low - room, 0).astype(int).tolist()
    right, bottom = np.maximum(high + room, 0).astype(int).tolist()
    return pixels[top:bottom, left:right], points - (left, top)


def _unlike_aligned(pixels: Images, size: Size) -> str:
    height, width = pixels.shape[:2]
    return "" if looks_aligned(width, height, size) else f"{width} x {height} pixels, {AS_IT_IS}"


def _too_small(faces: list[Face], alignment: Alignment) -> str:
    return f"no face has a box of {alignment.min_size} pixels" if faces else ""


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _area(face: Face) -> float:
    return face.area
