"""dlib's frontal face detector with its 68 landmarks."""

from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import cv2
import numpy as np
from pydantic import Field

from facenas.data.alignment import points_of_68
from facenas.data.faces import Images
from facenas.errors import DataError
from facenas.recognition.detector import DetectorSection
from facenas.recognition.faces import Detector, Face

LANDMARKS = "shape_predictor_68_face_landmarks.dat"
MOST_SIDE = 2000  # larger pictures are searched at this size: faces below 1/50 of it are not found
SMALL_SIDE = 640  # in smaller ones, where nothing was found, it is looked for smaller faces, and for faces that fill the picture
LEAST_SCORE = 0.2  # texture reaches 0.12; all but one of 100 ORL photographs exceed 0.3


class DlibSection(DetectorSection):
    """dlib's frontal face detector, with the weights of the package face_recognition_models."""

    name: Literal["dlib"] = Field("dlib", description="Name of the detector.")

    def build(self) -> Detector:
        """Make the detector; see `dlib_detector`."""
        return dlib_detector()


def dlib_detector() -> Detector:
    """The detector that comes with dlib: histograms of gradients, upright faces from about 40 pixels on.

    The five points are those of the 68: `facenas.data.alignment.points_of_68`. dlib's own five are others: the corners of the eyes and the
    base of the nose, without a mouth.

    Raises:
        DataError: If the packages are not installed.

    Source: King, Dlib-ml, 2009; Kazemi and Sullivan, One millisecond face alignment with an ensemble of regression trees, 2014.
    """
    dlib, weights = _packages()
    search, landmarks = dlib.get_frontal_face_detector(), dlib.shape_predictor(str(weights / LANDMARKS))

    def detect(image: Images, name: str) -> list[Face]:
        scale = min(1.0, MOST_SIDE / max(image.shape[:2]))
        small = image if scale == 1 else cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8)
        rectangles, scores, _ = search.run(small, 1, LEAST_SCORE)
        margin = 0
        if not rectangles and max(image.shape[:2]) <= SMALL_SIDE:
            margin = max(image.shape[:2]) // 4
            small = cv2.copyMakeBorder(image, margin, margin, margin, margin, cv2.BORDER_REPLICATE).astype(np.uint8)
            rectangles, scores, _ = search.run(small, 2, LEAST_SCORE)
        return [_face(landmarks(small, box), box, score, margin, scale) for box, score in zip(rectangles, scores, strict=True)]

    return detect


def _face(shape: Any, box: Any, score: float, margin: int, scale: float) -> Face:
    points = np.array([(point.x, point.y) for point in shape.parts()], np.float64)
    left, top = ((side - margin) / scale for side in (box.left(), box.top()))
    return Face((left, top, box.width() / scale, box.height() / scale), (points_of_68(points) - margin) / scale, float(score))


def _packages() -> tuple[ModuleType, Path]:
    """The module dlib, and the folder with the weights; the package that holds the weights is not run."""
    found = find_spec("face_recognition_models")
    folders = [Path(place) / "models" for place in found.submodule_search_locations or ()] if found else []
    if not find_spec("dlib") or not folders or not (folders[0] / LANDMARKS).is_file():
        raise DataError("the detector dlib needs two packages, run `pip install 'facenas[dlib]'`; or take --align yunet")
    import dlib

    return dlib, folders[0]
