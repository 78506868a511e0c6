"""Faces that were decoded once: a file of pixels, read by memory map."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from facenas.data.decoded import stamped
from facenas.data.face_files import Decoding, FaceFiles, decode_into
from facenas.data.faces import Images, Labels, Size, sides
from facenas.data.images import Decoder
from facenas.errors import DataError
from facenas.files import replacing


@dataclass(frozen=True)
class DecodedPhotographs:
    """Pixels of photographs (K, H, W, 3) in a `.npy` file; a copy in another process maps the file anew.

    Attributes:
        path: The file.
        size: In pixels.
        origin: The data set, for messages.
    """

    path: Path
    size: Size
    origin: str

    def image(self, key: int) -> Images:
        """A photograph (H, W, 3): a view of the file."""
        image: Images = self.map[key]
        return image

    def place(self, key: int) -> str:
        """The data set and the photograph's place in it."""
        return f"{self.origin}, photograph {key} ({self.path})"

    def files(self) -> list[Path]:
        """The file."""
        return [self.path]

    def __getstate__(self) -> dict[str, Any]:
        """All but the memory map."""
        return {"path": self.path, "size": self.size, "origin": self.origin}

    @cached_property
    def map(self) -> Images:
        """All photographs."""
        try:
            pixels: Images = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError):
            raise DataError(f"{self.path} is missing or damaged; remove it and run the command again") from None
        return pixels


def decoded_faces(faces: FaceFiles, files: Sequence[Path], *, decoder: Decoder) -> FaceFiles:
    """The same photographs from a cache of their pixels, made now unless it was made from the same files (path, size, time of change).

    Photographs that cannot be decoded are named and left out.

    Raises:
        DataError: If more than 1 % of them cannot be decoded.
    """
    path = stamped("faces", f"{faces.size}-{decoder}{_shape(faces)}", files).with_suffix(".npy")
    rows_file = path.with_suffix(".json")
    if not _is_whole(path, rows_file, faces):
        with replacing(path) as temporary:
            pixels = np.lib.format.open_memmap(temporary, "w+", np.uint8, (len(faces), *sides(faces.size), 3))
            kept = decode_into(pixels, faces)
            pixels.flush()
        with replacing(rows_file) as temporary:
            temporary.write_text(json.dumps(np.setdiff1d(np.arange(len(faces)), kept).tolist()))
    photographs = DecodedPhotographs(path, faces.size, faces.dataset)
    rows: Labels = np.setdiff1d(np.arange(len(faces)), np.array(json.loads(rows_file.read_text()), dtype=np.int64))
    return FaceFiles(faces.dataset, photographs, rows, faces.identities[rows], faces.names)


def _shape(faces: FaceFiles) -> str:
    """What tells the cache of photographs that are not stretched from that of others."""
    photographs = faces.photographs
    if not isinstance(photographs, Decoding):
        return ""
    return "-square" if photographs.square else "-centre" if photographs.centre else ""


def _is_whole(path: Path, rows_file: Path, faces: FaceFiles) -> bool:
    """Whether the cache is there and as long as it must be."""
    try:
        pixels = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return False
    return rows_file.is_file() and pixels.shape == (len(faces), *sides(faces.size), 3)
