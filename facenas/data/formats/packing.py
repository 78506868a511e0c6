"""Packing faces into one RecordIO file, pairs of them into one verification file."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from facenas.data.benchmarks.verification_set import VerificationSet
from facenas.data.face_files import MOST_UNREADABLE, Decoding, FaceFiles, Photographs, ShapeError
from facenas.data.faces import sides
from facenas.data.formats.bin_pairs import write_bin
from facenas.data.formats.record_writer import write_records
from facenas.errors import DataError

Encoding = Literal["png", "jpeg"]
CHUNK = 1024  # images that are in memory at a time
JPEG_QUALITY = 95
logger = logging.getLogger("facenas")


def pack(faces: FaceFiles, path: Path, *, encoding: Encoding = "png") -> int:
    """Write faces as a `.rec` file, so that reading it gives the same pixels as reading the faces at their size, unless `encoding` is jpeg.

    JPEG and PNG files that have the size already are kept as they are.

    Args:
        faces: The photographs.
        path: The `.rec` file that is written; it gets its `.idx` and the other small files beside it.
        encoding: How photographs are encoded that are not kept as they are: `png` keeps every pixel, `jpeg` is smaller.

    Returns:
        The number of images written; those that cannot be decoded are named and left out.

    Raises:
        DataError: If more than 1 % of the images cannot be decoded.
    """
    if path.suffix != ".rec":
        raise DataError(f"a RecordIO file's name ends in .rec, got {path}")
    return write_records(path, _encoded(faces, encoding), names=faces.names, size=faces.size)


def pack_pairs(benchmark: VerificationSet, path: Path, *, encoding: Encoding = "png") -> None:
    """Write a benchmark as a `.bin` file, with pairs in the same order; equal files in it are stored once.

    JPEG and PNG files that have the size already are kept as they are.

    Args:
        benchmark: The photographs with their pairs.
        path: The `.bin` file that is written.
        encoding: How photographs are encoded that are not kept as they are: `png` keeps every pixel, `jpeg` is smaller.

    Raises:
        DataError: If a photograph cannot be decoded or is not square.
    """
    if path.suffix != ".bin":
        raise DataError(f"a verification file's name ends in .bin, got {path}")
    with ThreadPoolExecutor() as pool:
        images = list(pool.map(lambda key: encoded(benchmark.photographs, key, encoding), range(benchmark.count)))
    rows = np.stack([benchmark.pairs.first, benchmark.pairs.second], axis=1).ravel()
    write_bin(path, [images[row] for row in rows.tolist()], benchmark.pairs.same.tolist())


def _encoded(faces: FaceFiles, encoding: Encoding) -> Iterator[tuple[int, bytes]]:
    """Identity and bytes of each image that can be decoded, by identity."""
    rows, unreadable = np.argsort(faces.identities, kind="stable"), list[str]()
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK].tolist()
            for row, data in zip(chunk, pool.map(lambda row: _encode(faces, row, encoding), chunk), strict=True):
                if data is not None:
                    yield int(faces.identities[row]), data
                    continue
                unreadable.append(faces.place(row))
                if len(unreadable) > MOST_UNREADABLE * len(faces):
                    raise DataError(
                        f"more than {MOST_UNREADABLE:.0%} of {len(faces)} files are not readable images, among them "
                        f"{', '.join(unreadable[:5])}; repair or remove them"
                    )
    if unreadable:
        logger.warning("left out %d of %d files that are not readable images: %s", len(unreadable), len(faces), ", ".join(unreadable[:5]))


def _encode(faces: FaceFiles, row: int, encoding: Encoding) -> bytes | None:
    try:
        return encoded(faces.photographs, int(faces.keys[row]), encoding)
    except ShapeError:
        raise
    except DataError:
        return None


def encoded(photographs: Photographs, key: int, encoding: Encoding) -> bytes:
    """A photograph as a file's bytes: kept as it is if it is a JPEG or PNG file of the right size, else encoded anew.

    Args:
        photographs: The photographs.
        key: Key of the photograph.
        encoding: How photographs are encoded that are not kept as they are: `png` keeps every pixel, `jpeg` is smaller.

    Raises:
        DataError: If the photograph cannot be decoded.
    """
    pixels = photographs.image(key)
    if isinstance(photographs, Decoding):
        data = bytes(photographs.contents.read(key))
        with Image.open(BytesIO(data)) as image:
            if image.size == sides(photographs.size)[::-1] and image.format in ("JPEG", "PNG"):
                return data
    settings = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if encoding == "jpeg" else []
    return bytes(cv2.imencode(f".{encoding}", pixels[..., ::-1], settings)[1])
