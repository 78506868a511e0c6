"""YuNet, the face detector of OpenCV."""

import http.client
import logging
from hashlib import sha256
from pathlib import Path
from typing import Literal
from urllib.request import urlopen

import cv2
import numpy as np
from pydantic import Field

from facenas.data.faces import Images
from facenas.errors import DataError, ModelError
from facenas.files import cache_folder, replacing
from facenas.recognition.detector import DetectorSection
from facenas.recognition.faces import Detector, Face

NAME = "face_detection_yunet_2023mar.onnx"
URL = f"https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/{NAME}"
SHA256, BYTES = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4", 232_589
TIMEOUT_S = 20.0
SIDE = 640  # what the model file is made for, and what every version of OpenCV can run
LEAST_SCORE, MOST_OVERLAP, MOST_FACES = 0.6, 0.3, 5000  # as in OpenCV's samples
logger = logging.getLogger("facenas")


class YunetSection(DetectorSection):
    """YuNet by OpenCV; its model file is that of OpenCV's model zoo, downloaded once."""

    name: Literal["yunet"] = Field("yunet", description="Name of the detector.")

    def build(self) -> Detector:
        """Make the detector from the model file; see `yunet_detector`."""
        return yunet_detector(Path(self.model) if self.model else None)


def yunet_detector(model: Path | None = None) -> Detector:
    """YuNet on a canvas of 640 x 640 pixels, onto which larger pictures are shrunk: faces from about 1/64 of the longer side on.

    Args:
        model: YuNet's ONNX file; None: the one of OpenCV's model zoo, downloaded once.

    Raises:
        DataError: If the model file cannot be downloaded.
        ModelError: If the file is not YuNet's.

    Source: Wu, Peng and Yu, YuNet: a tiny millisecond-level face detector, 2023.
    """
    path = model or downloaded()
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # OpenCV 5 warns of what nobody asked for
    try:
        network = cv2.FaceDetectorYN.create(str(path), "", (SIDE, SIDE), LEAST_SCORE, MOST_OVERLAP, MOST_FACES)
        network.detect(np.zeros((SIDE, SIDE, 3), np.uint8))
    except cv2.error as error:
        raise ModelError(f"{path} is not a YuNet that OpenCV can run, give {NAME}: {' '.join(str(error).split())[:160]}") from None
    finally:
        cv2.utils.logging.setLogLevel(level)

    def detect(image: Images, name: str) -> list[Face]:
        scale = min(1.0, SIDE / max(image.shape[:2]))
        small = image if scale == 1 else cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:SIDE, :SIDE]
        canvas = np.zeros((SIDE, SIDE, 3), np.uint8)
        canvas[: small.shape[0], : small.shape[1]] = small[..., ::-1]
        _, rows = network.detect(canvas)
        return [] if rows is None else [_face(row / scale, float(row[14])) for row in np.asarray(rows, np.float64)]

    return detect


def downloaded() -> Path:
    """The path of YuNet's model file in the cache; it is downloaded if it is not there.

    Raises:
        DataError: If the file cannot be downloaded, or is another one than expected.
    """
    path = cache_folder() / "detectors" / NAME
    if path.is_file() and sha256(path.read_bytes()).hexdigest() == SHA256:
        return path
    otherwise = f"get {NAME} by other means and give it with --detector-model FILE"
    logger.warning("downloading YuNet (%d KB) from %s", BYTES // 1000, URL)
    try:
        with urlopen(URL, timeout=TIMEOUT_S) as answer:
            data = answer.read(BYTES + 1)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise DataError(f"YuNet cannot be downloaded from {URL}: {' '.join(str(error).split())[:160]}; {otherwise}") from None
    if sha256(data).hexdigest() != SHA256:
        raise DataError(f"what {URL} gave is not the expected file, its SHA-256 differs, and was not kept; {otherwise}")
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return path


def _face(row: np.ndarray[tuple[int], np.dtype[np.float64]], score: float) -> Face:
    """The face in one of YuNet's rows of 15 numbers: box, eyes, nose, mouth, of each pair the person's right first, the picture's left."""
    left, top, width, height = row[:4].tolist()
    return Face((left, top, width, height), row[4:14].reshape(5, 2), score)
