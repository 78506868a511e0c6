"""Decoding photographs: one routine, whatever they come from."""

import io
from importlib.util import find_spec
from typing import Literal

import cv2
import numpy as np
from PIL import Image, ImageOps

from facenas.data.faces import Images
from facenas.errors import DataError

Decoder = Literal["exact", "fast"]
Encoded = bytes | memoryview
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
PNG_END, JPEG_END = b"IEND\xaeB`\x82", b"\xff\xd9"
EIGHT_BIT_COLOURS = (b"\x08\x00", b"\x08\x02")  # bit depth and colour type of a grey or RGB PNG without a palette


def decode_image(data: Encoded, size: int, *, decoder: Decoder = "exact") -> Images | None:
    """A photograph as RGB (size, size, 3), uint8, turned upright by its EXIF tag; None if it is damaged, cut short or no image.

    Args:
        data: The file's content.
        size: Side of the square that it is resized to, in pixels; nothing is resized that has it.
        decoder: `fast` decodes JPEG files with libjpeg-turbo's fast DCT and plain upsampling, to slightly different pixels.
    """
    pixels = decode_whole(data, decoder=decoder)
    return None if pixels is None else resized(pixels, size)


def decode_whole(data: Encoded, *, decoder: Decoder = "exact") -> Images | None:
    """The same photograph at the size that it has, (H, W, 3).

    Whole JPEG files and plain PNG files are decoded by OpenCV, to the same pixels as by Pillow; all others by Pillow, which notices what
    is missing.
    """
    return _opencv(data, decoder) if _is_whole(data) else _pillow(data)


def resized(pixels: Images, size: int) -> Images:
    """A photograph (H, W, 3) as (size, size, 3); the same one if it has that size."""
    if pixels.shape[:2] == (size, size):
        return pixels
    shrinks = min(pixels.shape[:2]) > size
    return cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR).astype(np.uint8, copy=False)


def check_decoder(decoder: Decoder) -> None:
    """Refuse a decoder that is not installed."""
    if decoder == "fast" and not find_spec("simplejpeg"):
        raise DataError("decoder fast needs the package simplejpeg; run `pip install simplejpeg`, or leave decoder at exact")


def _is_whole(data: Encoded) -> bool:
    if data[:2] == JPEG:
        return data[-2:] == JPEG_END
    return data[:8] == PNG and data[-8:] == PNG_END and data[24:26] in EIGHT_BIT_COLOURS


def _opencv(data: Encoded, decoder: Decoder) -> Images | None:
    if decoder == "fast" and data[:2] == JPEG and b"Exif" not in bytes(data[:64]):
        import simplejpeg

        try:
            fast: Images = simplejpeg.decode_jpeg(data, "RGB", fastdct=True, fastupsample=True)
        except ValueError:
            return None
        return fast
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)  # type: ignore[return-value]
    except cv2.error:
        return None


def _pillow(data: Encoded) -> Images | None:
    try:
        with Image.open(io.BytesIO(data)) as image:
            return np.array(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
