"""Pictures of whatever kind that people have on disk, read with a reason for each that cannot be."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from PIL import Image

from facenas.data.faces import Images
from facenas.data.formats.images import MOST_PIXELS, decode_whole, open_header
from facenas.data.formats.walking import files_below
from facenas.errors import DataError

MOST_BYTES = 500_000_000
TOO_LARGE = f"has more than {MOST_PIXELS // 1_000_000} million pixels; make it smaller"


class PictureError(DataError):
    """A picture that cannot be read.

    Attributes:
        reason: What is wrong with the picture, without its name.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} {reason}")
        self.reason = reason


class Picture(NamedTuple):
    """A decoded picture.

    Attributes:
        pixels: Pixels (H, W, 3), RGB, uint8, upright.
        remark: What decoding left out, such as transparency; empty if nothing.
    """

    pixels: Images
    remark: str = ""


class Listed(NamedTuple):
    """A file in a folder.

    Attributes:
        name: Path of the file below the folder, with `/` between, printable.
        path: Path of the file.
        left_out: Reason why the file must not be read; empty if it may be.
    """

    name: str
    path: Path
    left_out: str = ""


def read_picture(path: Path) -> Picture:
    """Decode a picture file as `facenas.data.formats.images.decode_whole` does, with the reason if that fails.

    Raises:
        PictureError: If it is no file, empty, larger than 500 MB, of more than 120 million pixels, of no kind that is read, or damaged.
    """
    name = printable(path)
    try:
        if not path.is_file():
            raise PictureError(name, "is no file; give a picture that is there")
        if path.stat().st_size > MOST_BYTES:
            raise PictureError(name, f"is larger than {MOST_BYTES // 1_000_000} MB and no photograph; leave it out")
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise PictureError(name, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    remark = _look(name, data)
    pixels = decode_whole(data)
    if pixels is None:
        raise PictureError(name, "is damaged or cut short; restore it")
    return Picture(pixels, remark)


def _look(name: str, data: bytes) -> str:
    """What decoding a picture will leave out; raises the reason if it cannot be decoded."""
    if not data:
        raise PictureError(name, "is empty; restore it")
    try:
        with open_header(data) as header:
            (width, height), mode, kind = header.size, header.mode, header.format
            several = kind != "MPO" and getattr(header, "is_animated", False)
    except Image.DecompressionBombError:
        raise PictureError(name, TOO_LARGE) from None
    except Exception:  # on damaged files Pillow's readers raise whatever they stumble over
        raise PictureError(name, "is no picture of a kind that is read (JPEG, PNG, WebP, GIF, BMP, TIFF, PNM, JPEG 2000, AVIF)") from None
    if width * height > MOST_PIXELS:
        raise PictureError(name, TOO_LARGE)
    if mode == "F":
        raise PictureError(name, "holds fractional values whose range is not known; save it with 8 or 16 bits")
    return ("the first page" if kind == "TIFF" else "the first picture of an animation") if several else ""


def pictures_below(root: Path) -> Iterator[Listed]:
    """Every file below a folder in the order of names, whatever it holds; or the one file that `root` is.

    Nothing outside the folder is read: links that leave it and links to folders are listed with the reason.

    Raises:
        DataError: If there is neither a folder nor a file, or no file in the folder, or a folder that cannot be read.
    """
    if root.is_file():
        yield one_picture(root)
        return
    if not root.is_dir():
        raise DataError(f"nothing at {printable(root)}; give a folder of pictures, or a picture")
    found = list(files_below(root))
    if not found:
        raise DataError(f"{printable(root)} holds no files; give a folder of pictures")
    yield from (Listed(printable(Path(file.name)), root / file.name, file.left_out) for file in found)


def one_picture(path: Path) -> Listed:
    """The listing of a picture that was given by itself, not in a folder."""
    return Listed(printable(Path(path.name)), path)


def person_of(picture: str) -> str:
    """Whom a listed picture shows: the first folder's name, at whatever depth the picture is below it; without a folder its own name."""
    path = PurePosixPath(picture)
    return path.parts[0] if len(path.parts) > 1 else path.stem


def printable(path: Path) -> str:
    """A path as text that can be written, whatever bytes it has, with `/` between its parts."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")
