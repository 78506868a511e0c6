"""Five-point alignment: the similarity transform that brings a face's landmarks onto ArcFace's template."""

import cv2
import numpy as np
from numpy.typing import NDArray

from facenas.data.faces import Images, Size, sides
from facenas.errors import DataError

Points = NDArray[np.float64]
ARCFACE = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])


def template(size: Size) -> Points:
    """Where eyes, nose and corners of the mouth belong in an aligned face, (5, 2), x and y in pixels, the left of the picture first.

    Args:
        size: Size of the aligned face in pixels: a side that is a multiple of 112, or of 128, which leaves more room at both sides; or
            height and width, where the height makes the scale and the face is in the middle: 112 x 96 is SphereFace's and CosFace's crop.

    Raises:
        DataError: If a side is a multiple of neither 112 nor 128.

    Source: InsightFace, `face_align.py`.
    """
    if not isinstance(size, int):
        height, width = size
        return ARCFACE * (height / 112) + ((width - height) / 2, 0)
    if size <= 0 or (size % 112 and size % 128):
        raise DataError(f"a face is aligned to a multiple of 112 or of 128 pixels, got {size}; align to 112 and resize, or change the size")
    if size % 112 == 0:
        return ARCFACE * (size / 112)
    return ARCFACE * (size / 128) + (8 * size / 128, 0)


def points_of_68(landmarks: NDArray[np.floating]) -> Points:
    """The five points (5, 2) of 68 landmarks (68, 2): each eye the middle of its corners, then the nose's tip, the mouth's corners.

    Raises:
        DataError: If there are not 68 landmarks of two coordinates.
    """
    if landmarks.shape != (68, 2):
        raise DataError(f"landmarks must have the shape (68, 2), x and y of each, got {landmarks.shape}")
    eyes = landmarks[[36, 42]] / 2 + landmarks[[39, 45]] / 2
    return np.concatenate([eyes, landmarks[[30, 48, 54]]]).astype(np.float64)


def similarity(source: NDArray[np.floating], target: NDArray[np.floating]) -> Points:
    """The rotation, scale and shift, without reflection, that bring points nearest to others in the least-squares sense.

    Args:
        source: Points (K, 2), x and y.
        target: The places (K, 2) that the points should come to.

    Returns:
        The matrix (2, 3) that is multiplied by (x, y, 1).

    Raises:
        DataError: If the points are not finite or do not determine a transform, as equal points do not.

    Source: Umeyama, Least-squares estimation of transformation parameters between two point patterns, 1991, equations 38 to 43.
    """
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2:
        raise DataError(
            f"points to align must be x and y of each, (K, 2), as many as the template's, got {source.shape} and {target.shape}"
        )
    if not (np.isfinite(source).all() and np.isfinite(target).all()):
        raise DataError("points to align must be finite numbers; detect the face again, or leave it out")
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    from_mean, to_mean = source.mean(axis=0), target.mean(axis=0)
    centred, wanted = source - from_mean, target - to_mean
    u, singular, v = np.linalg.svd(wanted.T @ centred)
    sign = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(v))])
    spread, overlap = (centred**2).sum(), (singular * sign).sum()
    rounding = 1e-18 * (source**2).sum()
    if spread <= rounding or overlap <= 1e-9 * np.sqrt(spread * (wanted**2).sum()):
        raise DataError("points to align must differ from each other, and so must the template's; detect the face again, or leave it out")
    turn = overlap / spread * (u * sign) @ v
    return np.column_stack([turn, to_mean - turn @ from_mean])


def align_face(image: Images, points: NDArray[np.floating], size: Size = 112) -> Images:
    """Cut a face out of a picture and align it to the template, (H, W, 3): bilinear interpolation, black where the picture ends.

    Args:
        image: The picture (H, W, 3), uint8.
        points: Left eye, right eye, nose, left and right corner of the mouth in it, (5, 2), x and y in pixels.
        size: Size of the aligned face in pixels; see `template`.

    Raises:
        DataError: If the points do not determine a transform, or there is no template of this size.
    """
    aligned: Images = cv2.warpAffine(image, similarity(points, template(size)), sides(size)[::-1]).astype(np.uint8, copy=False)
    return aligned
