"""Decoding photographs: one routine, whatever they come from."""

import io
import warnings
from importlib.util import find_spec
from typing import Literal

import cv2
import numpy as np
from PIL import Image, ImageOps

from facenas.data.faces import Images, Size, sides
from facenas.errors import DataError

Decoder = Literal["exact", "fast"]
Encoded = bytes | memoryview
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
PNG_END, JPEG_END = b"IEND\xaeB`\x82", b"\xff\xd9"
JPEG_FRAMES = {0xC0 + kind for kind in range(16)} - {0xC4, 0xC8, 0xCC}  # markers that the size of the picture follows
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")  # Pillow reads many more, some by running a program
MOST_PIXELS = 120_000_000  # a photograph of 108 megapixels is read, a small file that unfolds to gigabytes is not
for kind in (Image.DecompressionBombWarning, UserWarning):  # Pillow's limit is lower, and it prints what it thinks of damaged files
    warnings.filterwarnings("ignore", category=kind, module=r"PIL\.")
LARGEST_ALIGNED = 256  # pixels; larger squares are photographs more often than faces
EIGHT_BIT_COLOURS = (b"\x08\x00", b"\x08\x02")  # bit depth and colour type of a grey or RGB PNG without a palette


def decode_image(data: Encoded, size: Size, *, decoder: Decoder = "exact") -> Images | None:
    """A photograph as RGB (H, W, 3), uint8, turned upright by its EXIF tag; None if it is damaged, cut short or no image.

    Args:
        data: The file's content.
        size: Size in pixels that the photograph is resized to, unless it has it.
        decoder: `fast` decodes JPEG files with libjpeg-turbo's fast DCT and plain upsampling, to slightly different pixels.
    """
    pixels = decode_whole(data, decoder=decoder)
    return None if pixels is None else resized(pixels, size)


def decode_whole(data: Encoded, *, decoder: Decoder = "exact") -> Images | None:
    """A photograph at the size that it has, as RGB (H, W, 3), uint8, turned upright; None if it is damaged, cut short or no image.

    Whole JPEG files and plain PNG files are decoded by OpenCV, to the same pixels as by Pillow; all others by Pillow, which notices what
    is missing. Of an animation it is the first picture, of 16 bits the upper 8, transparency is ignored. A picture of more than 120
    million pixels is not decoded, nor one whose pixels are not integers.

    Args:
        data: The file's content.
        decoder: `fast` decodes JPEG files faster, to slightly different pixels; see `decode_image`.
    """
    return _opencv(data, decoder) if _is_whole(data) and 0 < _area(data) <= MOST_PIXELS else _pillow(data)


def open_header(data: Encoded) -> Image.Image:
    """Pillow's image of a photograph, of which only the header is read: size, format, frames; any exception if it is no image."""
    return Image.open(io.BytesIO(data), formats=FORMATS)


def resized(pixels: Images, size: Size) -> Images:
    """A photograph (H, W, 3) at another size; the same one if it has that size.

    Args:
        pixels: The photograph (H, W, 3), uint8.
        size: Wanted size in pixels: a side, or height and width.
    """
    if pixels.shape[:2] == (wanted := sides(size)):
        return pixels
    shrinks = all(have > side for have, side in zip(pixels.shape, wanted, strict=False))
    return cv2.resize(pixels, wanted[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR).astype(np.uint8, copy=False)


def middle(pixels: Images, size: Size) -> Images:
    """The largest part in the middle of a photograph that has the proportions of a size.

    Args:
        pixels: The photograph (H, W, 3).
        size: Size in pixels whose proportions are wanted.

    Returns:
        A view of the part (H', W', 3), not resized.
    """
    (height, width), (tall, wide) = pixels.shape[:2], sides(size)
    high, across = min(height, width * tall // wide), min(width, height * wide // tall)
    top, left = (height - high) // 2, (width - across) // 2
    return pixels[top : top + high, left : left + across]


def looks_aligned(width: int, height: int, size: Size) -> bool:
    """Whether a picture may be an aligned face by its size: the wanted proportions, a height up to 112 or of 128, 224, 256; LFW has 250.

    Args:
        width: Width of the picture in pixels.
        height: Height of the picture in pixels.
        size: Size in pixels whose proportions are wanted.
    """
    tall, wide = sides(size)
    return height * wide == width * tall and height <= LARGEST_ALIGNED and (height <= 112 or not height % 112 or not height % 128)


def check_decoder(decoder: Decoder) -> None:
    """Raise an error if a decoder's package is not installed."""
    if decoder == "fast" and not find_spec("simplejpeg"):
        raise DataError("decoder fast needs the package simplejpeg; run `pip install simplejpeg`, or leave decoder at exact")


def _is_whole(data: Encoded) -> bool:
    if data[:2] == JPEG:
        return data[-2:] == JPEG_END
    return data[:8] == PNG and data[-8:] == PNG_END and data[24:26] in EIGHT_BIT_COLOURS


def _area(data: Encoded) -> int:
    """The number of pixels of a PNG or JPEG file by its header; 0 if a JPEG file's header has an unusual form."""
    if data[:2] != JPEG:
        return int.from_bytes(data[16:20]) * int.from_bytes(data[20:24])
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF and data[at + 1] >= 0xC0:
        if data[at + 1] in JPEG_FRAMES:
            return int.from_bytes(data[at + 5 : at + 7]) * int.from_bytes(data[at + 7 : at + 9])
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return 0


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
        with open_header(data) as image:
            if image.width * image.height > MOST_PIXELS or image.mode == "F":
                return None
            return np.array(_eight_bit(ImageOps.exif_transpose(image)).convert("RGB"))
    except Exception:  # on damaged files its decoders raise whatever they stumble over
        return None


def _eight_bit(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # Pillow would cut 16-bit values off at 255
        return Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8))
    return image.convert("RGBA") if image.mode == "P" and "transparency" in image.info else image  # without Pillow's warning
