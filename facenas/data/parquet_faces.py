"""Faces in Parquet files, as Hugging Face's data sets lay them out."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from facenas.data.face_files import FaceFiles, in_memory
from facenas.data.faces import FaceSet, Labels, Size
from facenas.data.held_out import EncodedFaces
from facenas.data.lists import numbered
from facenas.errors import DataError


class ParquetFaces(EncodedFaces):
    """Parquet files with the columns `image` (bytes, path) and `label`; pack them into a .rec file to train from them fast."""

    name: Literal["parquet"] = Field("parquet", description="Name of the source.")
    root: str = Field(description="A .parquet file, or a folder of them.")

    def load(self, size: Size) -> FaceSet:
        """All photographs, resized to `size` pixels."""
        return in_memory(self.open(size))

    def open(self, size: Size) -> FaceFiles:
        """The same photographs, read when they are asked for."""
        root = Path(self.root).expanduser()
        files = parquet_files(root)
        if not files:
            raise DataError(f"no Parquet files at {root}; give a .parquet file or a folder of them")
        opened = [_open(file) for file in files]
        labels = [label for file in opened for label in file.read(columns=["label"])["label"].to_pylist()]
        groups = [(number, group) for number, file in enumerate(opened) for group in range(file.num_row_groups)]
        lengths = [opened[number].metadata.row_group(group).num_rows for number, group in groups]
        called = _class_names(opened[0])
        identities, names = numbered([str(label) for label in labels])
        names = tuple(called[int(name)] for name in names) if called else names
        contents = ParquetContents(tuple(files), np.array(groups), np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
        return self.files(f"parquet:{root.resolve()}", contents, identities, names, keys=np.arange(len(labels)), size=size)


@dataclass(frozen=True)
class ParquetContents:
    """Photographs by row.

    Attributes:
        parquet: The files.
        groups: File and number of each row group, shape (G, 2).
        starts: First row of each group, and the number of rows, shape (G + 1,).
    """

    parquet: tuple[Path, ...]
    groups: Labels
    starts: Labels

    def read(self, key: int) -> bytes:
        """The photograph's bytes."""
        group = int(np.searchsorted(self.starts, key, side="right")) - 1
        file, number = self.groups[group]
        return _images(self.parquet[file], int(number))[key - int(self.starts[group])] or b""

    def place(self, key: int) -> str:
        """The file and row."""
        group = int(np.searchsorted(self.starts, key, side="right")) - 1
        return f"{self.parquet[self.groups[group, 0]]}, row {key} of the data set"

    def files(self) -> list[Path]:
        """The files."""
        return list(self.parquet)


def parquet_files(root: Path) -> list[Path]:
    """The file itself, or those in a folder or its folder `data`."""
    return [root] if root.is_file() else sorted(root.glob("*.parquet")) or sorted(root.glob("data/*.parquet"))


def _open(path: Path) -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise DataError("Parquet files need the package pyarrow; run `pip install pyarrow`") from None
    try:
        file = pyarrow.parquet.ParquetFile(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"{path} is no readable Parquet file: {error}") from None
    missing = {"image", "label"} - set(file.schema_arrow.names)
    if missing:
        raise DataError(f"{path} needs the columns image (bytes, path) and label, got {', '.join(file.schema_arrow.names)}")
    return file


def _class_names(file: Any) -> list[str]:
    """The names of the classes that Hugging Face keeps in the schema, if it does."""
    try:
        about = json.loads((file.schema_arrow.metadata or {})[b"huggingface"])
        return [str(name) for name in about["info"]["features"]["label"]["names"]]
    except (KeyError, TypeError, ValueError):
        return []


@lru_cache(maxsize=8)
def _images(path: Path, group: int) -> list[bytes | None]:
    images = _open(path).read_row_group(group, columns=["image"])["image"].to_pylist()
    return [image["bytes"] if image else None for image in images]
