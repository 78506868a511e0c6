"""Reading photographs into memory."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from facenas.data.faces import Images
from facenas.errors import DataError

MOST_UNREADABLE = 0.01  # a larger share of unreadable files means that the folder is not what it should be
logger = logging.getLogger("facenas")


def read_image(path: Path, size: int) -> Images | None:
    """A photograph as RGB (size, size, 3), uint8, turned upright by its EXIF tag; None if it cannot be decoded."""
    try:
        with Image.open(path) as image:
            pixels = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    shrinks = min(pixels.shape[:2]) > size
    return cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR).astype(np.uint8)


def read_images(paths: Sequence[Path], size: int) -> tuple[Images, list[int]]:
    """Decode many photographs, skipping and naming those that cannot be decoded.

    Args:
        paths: Files.
        size: Side of the square that each photograph is resized to, in pixels.

    Returns:
        The photographs (M, size, size, 3), and for each of them its place in `paths`.

    Raises:
        DataError: If more than 1 % of the files cannot be decoded.
    """
    with ThreadPoolExecutor() as pool:
        images = list(pool.map(lambda path: read_image(path, size), paths))
    unreadable = [str(path) for path, image in zip(paths, images, strict=True) if image is None]
    if unreadable:
        names = ", ".join(unreadable[:5]) + (f" and {len(unreadable) - 5} more" if len(unreadable) > 5 else "")
        if len(unreadable) > MOST_UNREADABLE * len(paths):
            raise DataError(
                f"{len(unreadable)} of {len(paths)} files are not readable images, more than {MOST_UNREADABLE:.0%}: {names}; "
                "repair or remove them"
            )
        logger.warning("skipped %d of %d files that are not readable images: %s", len(unreadable), len(paths), names)
    kept = [index for index, image in enumerate(images) if image is not None]
    return np.stack([image for image in images if image is not None]), kept
