"""Faces that were decoded once: a file of pixels, read by memory map."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from facenas.data.face_files import Decoding, FaceFiles, decode_into
from facenas.data.faces import Images, Labels, Size, sides
from facenas.data.formats.decoded import stamped
from facenas.data.formats.images import Decoder
from facenas.errors import DataError
from facenas.files import read_checked_json, replacing, write_checked_json


@dataclass(frozen=True)
class DecodedPhotographs:
    """Pixels of photographs (K, H, W, 3) in a `.npy` file; a copy in another process maps the file anew.

    Attributes:
        path: The `.npy` file.
        size: Size of the photographs in pixels: a side, or height and width.
        origin: Name of the data set, for messages.
    """

    path: Path
    size: Size
    origin: str

    def image(self, key: int) -> Images:
        """A photograph (H, W, 3): a view of the file, compared with its checksum when it is first read.

        Raises:
            DataError: If the pixels are not those that were written.
        """
        image: Images = self.map[key]
        if not self._compared[key]:
            if crc32(image.data) != self._checksums[key]:
                raise DataError(f"{self.path} is damaged at photograph {key}; remove it and run the command again")
            self._compared[key] = True
        return image

    def place(self, key: int) -> str:
        """The data set and the photograph's place in it."""
        return f"{self.origin}, photograph {key} ({self.path})"

    def files(self) -> list[Path]:
        """The `.npy` file alone."""
        return [self.path]

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled: all but the memory map."""
        return {"path": self.path, "size": self.size, "origin": self.origin}

    @cached_property
    def _checksums(self) -> NDArray[np.uint32]:
        return np.frombuffer(b64decode(_told(self.path)["checksums"]), "<u4")

    @cached_property
    def _compared(self) -> NDArray[np.bool_]:
        return np.zeros(len(self.map), np.bool_)

    @cached_property
    def map(self) -> Images:
        """The pixels of all photographs (K, H, W, 3), as a view of the file."""
        try:
            pixels: Images = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError):
            raise DataError(f"{self.path} is missing or damaged; remove it and run the command again") from None
        return pixels


def decoded_faces(faces: FaceFiles, files: Sequence[Path], *, decoder: Decoder) -> FaceFiles:
    """The same photographs from a cache file of their pixels, which is made now unless the files (path, size, time of change) have one.

    Photographs that cannot be decoded are named and left out.

    Args:
        faces: The photographs, decoded each time.
        files: All files that they are in.
        decoder: How JPEG files are decoded; each way has its own cache.

    Raises:
        DataError: If more than 1 % of them cannot be decoded.
    """
    path = stamped("faces", f"{faces.size}-{decoder}{_shape(faces)}", files).with_suffix(".npy")
    if not _is_whole(path, faces):
        with replacing(path) as temporary:
            pixels = np.lib.format.open_memmap(temporary, "w+", np.uint8, (len(faces), *sides(faces.size), 3))
            kept = decode_into(pixels, faces)
            pixels.flush()
        checksums = np.array([crc32(image.data) for image in np.load(path, mmap_mode="r")], "<u4")
        left_out = np.setdiff1d(np.arange(len(faces)), kept).tolist()
        write_checked_json(path.with_suffix(".json"), {"left_out": left_out, "checksums": b64encode(checksums.tobytes()).decode()})
    photographs = DecodedPhotographs(path, faces.size, faces.dataset)
    rows: Labels = np.setdiff1d(np.arange(len(faces)), np.array(_told(path)["left_out"], dtype=np.int64))
    return FaceFiles(faces.dataset, photographs, rows, faces.identities[rows], faces.names)


def _shape(faces: FaceFiles) -> str:
    """A part of the cache file's name for photographs that are not stretched to their size; empty for those that are."""
    photographs = faces.photographs
    return f"-{photographs.shape}" if isinstance(photographs, Decoding) and photographs.shape != "stretch" else ""


def _is_whole(path: Path, faces: FaceFiles) -> bool:
    """Whether the cache file is there with its full length and its checksums."""
    try:
        pixels, told = np.load(path, mmap_mode="r", allow_pickle=False), _told(path)
    except (OSError, ValueError):
        return False
    return pixels.shape == (len(faces), *sides(faces.size), 3) and {"left_out", "checksums"} <= told.keys()


def _told(path: Path) -> dict[str, Any]:
    """What is kept in JSON beside the pixels: rows that could not be decoded, and a checksum (CRC-32) of each photograph."""
    return read_checked_json(path.with_suffix(".json"))
