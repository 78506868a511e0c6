"""Face photographs that are read when they are asked for."""

import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from facenas.data.faces import FaceDataset, FaceSet, Images, Labels, Size, of_people, sides, told_size
from facenas.data.formats.decoded import stamp
from facenas.data.formats.images import Decoder, Encoded, decode_whole, middle, resized
from facenas.errors import DataError

MOST_UNREADABLE = 0.01  # a larger share of unreadable files means that the data set is not what it should be
Shape = Literal["refuse", "stretch", "centre"]
logger = logging.getLogger("facenas")


class ShapeError(DataError):
    """A photograph whose proportions no aligned face has; unlike an unreadable photograph, it is never skipped."""


class Photographs(Protocol):
    """Photographs that are read by their key; an object is small when pickled, whatever their number.

    Attributes:
        size: Size of the photographs in pixels: the side, or height and width.
    """

    @property
    def size(self) -> Size: ...  # noqa: D102

    def image(self, key: int) -> Images:
        """A photograph (H, W, 3), uint8; a DataError if it cannot be decoded."""

    def place(self, key: int) -> str:
        """Where a photograph comes from, such as its file's path, for messages."""

    def files(self) -> list[Path]:
        """The paths of all files that the photographs are in."""


class Contents(Protocol):
    """Encoded photographs by key, such as the files of a folder or the records of one file."""

    def read(self, key: int) -> Encoded:
        """The photograph's bytes, as JPEG, PNG or whatever was stored."""

    def place(self, key: int) -> str:
        """Where a photograph comes from, such as its file's path, for messages."""

    def files(self) -> list[Path]:
        """The paths of all files that the photographs are in."""


@dataclass(frozen=True)
class Decoding:
    """Photographs that are decoded each time.

    Attributes:
        contents: The encoded photographs.
        size: Size in pixels that the photographs are resized to: a side, or height and width.
        decoder: How JPEG files are decoded.
        shape: What is done with a photograph of other proportions than `size`: `refuse` raises an error, as aligned faces have known
            proportions; `stretch` resizes it all the same; `centre` takes the largest part of the right proportions in its middle.
    """

    contents: Contents
    size: Size
    decoder: Decoder = "exact"
    shape: Shape = "stretch"

    def image(self, key: int) -> Images:
        """A photograph (H, W, 3), RGB, uint8."""
        pixels = self.whole(key)
        (height, width), (tall, wide) = pixels.shape[:2], sides(self.size)
        if self.shape == "refuse" and height * wide != width * tall:
            wanted = "is square" if tall == wide else f"for this network has {told_size(self.size)}"
            raise ShapeError(
                f"{self.place(key)} is {width} x {height} pixels; an aligned face {wanted}: align and crop it first, "
                "or say with data.shape to stretch it or to take its centre"
            )
        return resized(middle(pixels, self.size) if self.shape == "centre" else pixels, self.size)

    def whole(self, key: int) -> Images:
        """A photograph (H, W, 3) at the size that it has."""
        try:
            pixels = decode_whole(self.contents.read(key), decoder=self.decoder)
        except OSError as error:
            raise DataError(f"{self.place(key)} cannot be read: {error.strerror}; put it back or remove it") from None
        if pixels is None:
            raise DataError(f"{self.place(key)} is not a readable image; repair or remove it")
        return pixels

    def place(self, key: int) -> str:
        """Where a photograph comes from, for messages."""
        return self.contents.place(key)

    def files(self) -> list[Path]:
        """The paths of all files that the photographs are in."""
        return self.contents.files()


@dataclass(frozen=True)
class PathContents:
    """Files by number: paths below a root, as bytes in one array (K,), which no reference count of a forked worker touches."""

    root: Path
    paths: NDArray[np.bytes_]

    def read(self, key: int) -> bytes:
        """The bytes of the file with this number."""
        return self._path(key).read_bytes()

    def place(self, key: int) -> str:
        """The path of the file with this number."""
        return str(self._path(key))

    def files(self) -> list[Path]:
        """The paths of all files."""
        return [self._path(key) for key in range(len(self.paths))]

    def entry(self, key: int) -> bytes:
        """A file's path below the root (of a file elsewhere its name alone) and its size in bytes; a missing file has the size -1."""
        name = os.fsdecode(self.paths[key])
        try:
            size = os.stat(os.path.join(self.root, name)).st_size  # noqa: PTH116, PTH118 - hundreds of thousands of files
        except OSError:
            size = -1
        return os.fsencode(f"{os.path.basename(name) if os.path.isabs(name) else name}\0{size}")  # noqa: PTH117, PTH119

    def _path(self, key: int) -> Path:
        return self.root / os.fsdecode(self.paths[key])


def path_contents(root: Path, paths: Sequence[Path | str]) -> PathContents:
    """Photographs that are files of their own.

    Args:
        root: Folder that relative paths start from.
        paths: Path of each file, K; its place in the sequence becomes its key.
    """
    return PathContents(root, np.array([os.fsencode(path) for path in paths], dtype=np.bytes_))


@dataclass(frozen=True)
class FaceFiles:
    """Face photographs that are read when they are asked for: a `FaceDataset`.

    Attributes:
        dataset: Name of the data set, for example `orl`.
        photographs: What reads a photograph by its key.
        keys: Key of each photograph in `photographs`, shape (M,).
        identities: Number of the person in each, shape (M,).
        names: Name of each identity.
    """

    dataset: str
    photographs: Photographs
    keys: Labels
    identities: Labels
    names: tuple[str, ...]

    def __len__(self) -> int:
        """Number of photographs."""
        return len(self.keys)

    @property
    def size(self) -> Size:
        """Size of the photographs in pixels: their side, or height and width."""
        return self.photographs.size

    def image(self, row: int) -> Images:
        """A photograph (H, W, 3), RGB, uint8; a DataError if it cannot be decoded."""
        return self.photographs.image(int(self.keys[row]))

    def place(self, row: int) -> str:
        """Where a photograph comes from: its file, or its record in a file."""
        return self.photographs.place(int(self.keys[row]))

    def rows(self, rows: Labels) -> "FaceFiles":
        """The photographs of the given rows; the people stay the same."""
        return FaceFiles(self.dataset, self.photographs, self.keys[rows], self.identities[rows], self.names)

    def of(self, names: Sequence[str]) -> "FaceFiles":
        """The photographs of the named people alone, with identities numbered anew in the order of `names`."""
        rows, identities = of_people(self, names)
        return FaceFiles(self.dataset, self.photographs, self.keys[rows], identities, tuple(names))


def in_memory(faces: FaceDataset) -> FaceSet:
    """Decode all photographs into memory; those that cannot be decoded are left out and named in a warning.

    Raises:
        DataError: If more than 1 % of the photographs cannot be decoded.
    """
    if isinstance(faces, FaceSet):
        return faces
    images = np.empty((len(faces), *sides(faces.size), 3), np.uint8)
    kept = decode_into(images, faces)
    whole = FaceSet(faces.dataset, images, faces.identities, faces.names)
    return whole if len(kept) == len(faces) else whole.rows(kept)


def decode_into(images: Images, faces: FaceDataset) -> Labels:
    """Decode all photographs into an array; those that cannot be decoded are named in a warning.

    Args:
        images: The array (M, H, W, 3), uint8, that is filled; rows of photographs that cannot be decoded keep what they held.
        faces: The M photographs.

    Returns:
        The rows that could be decoded, in order.

    Raises:
        ShapeError: If photographs of other proportions are refused and there is one.
        DataError: If more than 1 % of the photographs cannot be decoded.
    """

    def decode(row: int) -> bool:
        try:
            images[row] = faces.image(row)
        except ShapeError:
            raise
        except DataError:
            return False
        return True

    with ThreadPoolExecutor() as pool:
        readable = np.fromiter(pool.map(decode, range(len(faces))), bool, len(faces))
    unreadable = np.flatnonzero(~readable)
    if len(unreadable):
        rest = f" and {len(unreadable) - 5} more" if len(unreadable) > 5 else ""
        names = ", ".join(faces.place(int(row)) for row in unreadable[:5]) + rest
        if len(unreadable) > MOST_UNREADABLE * len(faces):
            raise DataError(
                f"{len(unreadable)} of {len(faces)} files are not readable images, more than {MOST_UNREADABLE:.0%}: {names}; "
                "repair or remove them"
            )
        logger.warning("skipped %d of %d files that are not readable images: %s", len(unreadable), len(faces), names)
    return np.flatnonzero(readable)


def state(faces: FaceDataset) -> NDArray[Any]:
    """An array that tells sets of photographs apart: the pixels of a set in memory, else the keys with a hash of the files as they are."""
    if isinstance(faces, FaceSet):
        return faces.images
    if not isinstance(faces, FaceFiles):
        raise TypeError(f"{type(faces).__name__} has no state")
    cut = [1] if isinstance(faces.photographs, Decoding) and faces.photographs.shape == "centre" else []
    return np.concatenate([np.frombuffer(stamp(faces.photographs.files()), np.int64), faces.keys, np.array(cut, np.int64)])
