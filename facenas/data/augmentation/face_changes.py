"""AdaFace's changes of a training image, each a function of drawn numbers, on OpenCV.

Source: Kim et al., AdaFace (CVPR 2022), section 4.1 and the published code's `data_augmentor`; the colours as torchvision's ColorJitter has
them on Pillow images, rounded to the nearest level where Pillow cuts off.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from facenas.data.faces import Images, Labels
from facenas.native.lanczos import resize_lanczos

Draws = NDArray[np.float64]
Grey = tuple[float, float, float]
INTERPOLATIONS = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_AREA, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
CROP_DRAWS = 22
ATTEMPTS = 10
LEAST_AREA, LEAST_ASPECT, LEAST_SIDE = 0.2, 3 / 4, 0.2
GREY = (0.299, 0.587, 0.114)
ORDERS = ("bcs", "bsc", "cbs", "csb", "sbc", "scb")  # of brightness, contrast, saturation


def crop_boxes(draws: Draws, size: int) -> Labels:
    """Random parts of a square image, as torchvision's RandomResizedCrop draws them: area U(0.2, 1), aspect 3/4 to 4/3 in the logarithm.

    Args:
        draws: Uniform numbers (K, 22): ten attempts at area and aspect, of which the first that fits is taken, then the place.
        size: Side in pixels.

    Returns:
        Top, left, bottom and right edge (K, 4); the whole image where no attempt fits.
    """
    area, aspect = draws[:, :ATTEMPTS], draws[:, ATTEMPTS : 2 * ATTEMPTS]
    target = size**2 * (LEAST_AREA + (1 - LEAST_AREA) * area)
    ratio = np.exp(math.log(LEAST_ASPECT) * (1 - 2 * aspect))
    widths, heights = np.rint(np.sqrt(target * ratio)), np.rint(np.sqrt(target / ratio))
    fits = (widths > 0) & (widths <= size) & (heights > 0) & (heights <= size)
    first, every = fits.argmax(1), np.arange(len(draws))
    any_fits = fits[every, first]
    width, height = (np.where(any_fits, sides[every, first], size) for sides in (widths, heights))
    top, left = np.floor(draws[:, -2] * (size - height + 1)), np.floor(draws[:, -1] * (size - width + 1))
    return np.stack([top, left, top + height, left + width], axis=1).astype(np.int64)


def paste_crop(image: Images, box: Sequence[int]) -> Images:
    """Keep a part of an image at its place on black; it is not resized.

    Args:
        image: The image (H, W, 3), uint8.
        box: Top, left, bottom and right edge of the part in pixels.

    Returns:
        A new image (H, W, 3).
    """
    top, left, bottom, right = box
    result = np.zeros_like(image)
    result[top:bottom, left:right] = image[top:bottom, left:right]
    return result


def low_resolution(image: Images, side: int, *, down: int, up: int) -> Images:
    """Make a square image small and large again.

    Args:
        image: The image (H, H, 3), uint8.
        side: Side of the small image in pixels.
        down: OpenCV's interpolation to the small image, such as `cv2.INTER_AREA`.
        up: OpenCV's interpolation back.

    Returns:
        A new image (H, H, 3).
    """
    return _resized(_resized(image, side, down), image.shape[0], up)


def _resized(image: Images, side: int, way: int) -> Images:
    if way == cv2.INTER_LANCZOS4:
        return resize_lanczos(image, side, side)
    return cv2.resize(image, (side, side), interpolation=way)  # type: ignore[return-value]


def photometric(image: Images, factors: tuple[float, float, float], *, order: str, grey: Grey = GREY) -> Images:
    """Change brightness, contrast and saturation, one after the other.

    Args:
        image: The image (H, W, 3), uint8.
        factors: Factors of brightness, contrast and saturation; 1 changes nothing.
        order: The order of the three, by their first letters, such as `bcs`.
        grey: Weight of each channel in the grey value.
    """
    brightness, contrast, saturation = factors
    source, result = image, np.empty_like(image)
    for what in order:
        if what == "b":
            cv2.convertScaleAbs(source, dst=result, alpha=brightness)
        elif what == "c":
            first, second, third, _ = cv2.mean(source)
            mean = math.floor(grey[0] * first + grey[1] * second + grey[2] * third + 0.5)
            cv2.addWeighted(source, contrast, source, 0, (1 - contrast) * mean, dst=result)
        else:
            a, b, c = ((1 - saturation) * weight for weight in grey)
            mix = ((a + saturation, b, c), (a, b + saturation, c), (a, b, c + saturation))
            cv2.transform(source, np.array(mix), dst=result)
        source = result  # the next change is made in place
    return result
