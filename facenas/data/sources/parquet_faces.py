"""Faces in Parquet files, as Hugging Face's data sets lay them out."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field

from facenas.data.face_files import FaceFiles, Shape
from facenas.data.faces import Labels, Size
from facenas.data.formats.parquet_files import of_split, open_parquet, parquet_files, read_column, shard_labels
from facenas.data.sources.lists import labelled, numbered
from facenas.data.sources.source import EncodedFaces
from facenas.errors import DataError


class ParquetFaces(EncodedFaces):
    """Parquet files with the columns `image` (bytes, path) and `label`; pack them into a .rec file to train from them fast."""

    name: Literal["parquet"] = Field("parquet", description="Name of the source.")
    root: str = Field(description="A .parquet file, or a folder of them.")
    split: str | None = Field(None, description="Which split of several is read, by its files' names; null: train.")

    @classmethod
    def found(cls, path: Path, shape: Shape | None) -> Self | None:
        """The source of a .parquet file, or of a folder that has some; None for anything else.

        Args:
            path: A file or a folder that is there.
            shape: What is done with photographs of other proportions; None: they are stretched, and a remark says so.
        """
        return cls(root=str(path), shape=shape) if path.suffix.lower() == ".parquet" or (path.is_dir() and parquet_files(path)) else None

    def open(self, size: Size) -> FaceFiles:
        """All photographs, read when they are asked for; identities are in the order of their classes' names."""
        root = Path(self.root).expanduser()
        files = parquet_files(root)
        if not files:
            raise DataError(f"no Parquet files at {root}; give a .parquet file or a folder of them")
        files = [file for file in of_split(root, files, self.split) if open_parquet(file).metadata.num_rows]
        rows = labelled(list(enumerate(shard_labels(files))), str(root))
        if not rows:
            raise DataError(f"{root} holds no photograph with a label; give files with the columns image and label")
        lengths = [open_parquet(file).metadata for file in files]
        groups = [(number, group) for number, about in enumerate(lengths) for group in range(about.num_row_groups)]
        starts = np.cumsum([0, *(lengths[number].row_group(group).num_rows for number, group in groups)], dtype=np.int64)
        identities, names = numbered([label for _, label in rows])
        contents = ParquetContents(tuple(files), np.array(groups, dtype=np.int64).reshape(-1, 2), starts)
        keys = np.array([row for row, _ in rows], dtype=np.int64)
        return self.files(f"parquet:{root.resolve()}", contents, identities, names, keys=keys, size=size)


@dataclass(frozen=True)
class ParquetContents:
    """Encoded photographs in Parquet files, by their row over all files.

    Attributes:
        parquet: The Parquet files.
        groups: Number of the file and number of the row group in it, for each row group, shape (G, 2).
        starts: First row of each row group, then the number of all rows, shape (G + 1,).
    """

    parquet: tuple[Path, ...]
    groups: Labels
    starts: Labels

    def read(self, key: int) -> bytes:
        """The encoded bytes of a photograph."""
        group = int(np.searchsorted(self.starts, key, side="right")) - 1
        file, number = self.groups[group]
        return photograph(self.parquet[file], _images(self.parquet[file], int(number))[key - int(self.starts[group])])

    def place(self, key: int) -> str:
        """The file and the row of a photograph, for messages."""
        group = int(np.searchsorted(self.starts, key, side="right")) - 1
        return f"{self.parquet[self.groups[group, 0]]}, row {key} of the data set"

    def files(self) -> list[Path]:
        """The paths of the Parquet files."""
        return list(self.parquet)


def photograph(parquet: Path, image: Any) -> bytes:
    """The bytes that an entry of the column `image` holds, or those of the file that it names, if that is beside or below the Parquet file.

    Args:
        parquet: The Parquet file, for paths relative to it.
        image: The entry: bytes, a path, or a dictionary of `bytes` and `path`.

    Raises:
        DataError: If it names a file that is missing or lies elsewhere.
    """
    data, path = (image.get("bytes"), image.get("path")) if isinstance(image, dict) else (image, None)
    if isinstance(data, str):
        data, path = None, data
    if data or not path:
        return bytes(data or b"")
    file = (parquet.parent / path).resolve()
    if not (file.is_file() and file.is_relative_to(parquet.parent.resolve())):
        raise DataError(f"{parquet} stores its images as paths, and there is no {path!r:.80} below its folder; embed the images' bytes")
    content: bytes = file.read_bytes()
    return content


@lru_cache(maxsize=8)
def _images(path: Path, group: int) -> list[Any]:
    return read_column(path, "image", group)
