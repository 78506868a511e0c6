"""Faces whose five points a list gives."""

import re
from pathlib import Path

import numpy as np

from facenas.data.faces import Images
from facenas.errors import DataError
from facenas.recognition.faces import Detector, Face, mirrored

NUMBERS = 10
HEADER_LINES = 2  # CelebA's list has a count and a line of names
WANTED = "a picture's path and ten numbers, x and y of eyes, nose and corners of the mouth, with commas, tabs or spaces between"


def listed_faces(file: Path) -> Detector:
    """A detector that looks faces up in a list, a line for each; CelebA's `list_landmarks_celeba.txt` is one.

    Args:
        file: List whose lines have a path below the folder of pictures and ten numbers: x and y of the five points in pixels, of eyes and
            corners of the mouth the one at the left of the picture first.

    Raises:
        DataError: If the file is no such list.
    """
    faces: dict[str, list[Face]] = {}
    for number, line in enumerate(_text(file).splitlines(), 1):
        fields = [field.strip().strip('"') for field in re.split(r"[,\t]|\s+" if "," not in line else ",", line.strip()) if field.strip()]
        points = _points(fields[-NUMBERS:]) if len(fields) > NUMBERS else None
        if points is None:
            if fields and (number > HEADER_LINES or faces):
                raise DataError(f"line {number} of {file} must have {WANTED}, got {line.strip()!r:.80}; mend it")
            continue
        if mirrored(points):
            raise DataError(f"line {number} of {file} has the points of a mirror image; the left eye is the one at the left of the picture")
        low, high = points.min(axis=0), points.max(axis=0)
        size = 2 * (high - low)  # a face is about twice as wide and high as its points are apart
        face = Face((*((low + high - size) / 2).tolist(), *size.tolist()), points)
        faces.setdefault(" ".join(fields[:-NUMBERS]).removeprefix("./"), []).append(face)
    if not faces:
        raise DataError(f"{file} lists no faces; each line must have {WANTED}")

    def detect(image: Images, name: str) -> list[Face]:
        return faces.get(name, [])

    return detect


def _points(fields: list[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]] | None:
    try:
        points = np.array(fields, np.float64).reshape(5, 2)
    except ValueError:
        return None
    return points if np.isfinite(points).all() else None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{file} is no text in UTF-8; each line must have {WANTED}") from None
    except OSError as error:
        raise DataError(f"no list of landmarks at {file}: {error.strerror}") from None
