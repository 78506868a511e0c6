"""Faces that a text file lists."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from facenas.data.face_files import FaceFiles, in_memory, path_contents
from facenas.data.faces import FaceSet, Labels, Size
from facenas.data.folders import counting
from facenas.data.held_out import EncodedFaces
from facenas.errors import DataError


class ListFaces(EncodedFaces):
    """A text file with one photograph a line: its path, a space or a tab, its identity."""

    name: Literal["list"] = Field("list", description="Name of the source.")
    file: str = Field(description="The text file.")
    root: str | None = Field(None, description="Folder that the paths are relative to; null: the one of the file.")

    def load(self, size: Size) -> FaceSet:
        """All photographs, resized to `size` pixels."""
        return in_memory(self.open(size))

    def open(self, size: Size) -> FaceFiles:
        """The same photographs, read when they are asked for; identities in the order of their names, numbers as numbers."""
        file = Path(self.file).expanduser()
        lines = list(_lines(file))
        if not lines:
            raise DataError(f"{file} lists no photographs; each line needs a path, a space or a tab, and an identity")
        contents = path_contents(Path(self.root).expanduser() if self.root else file.parent, [path for path, _ in lines])
        identities, names = numbered([label for _, label in lines])
        return self.files(f"list:{file.resolve()}", contents, identities, names, keys=np.arange(len(lines)), size=size)


def numbered(labels: Sequence[str]) -> tuple[Labels, tuple[str, ...]]:
    """Numbers (M,) of the labels in the order of `names`, and the names."""
    names = sorted(set(labels), key=counting)
    number = {name: i for i, name in enumerate(names)}
    return np.array([number[label] for label in labels], dtype=np.int64), tuple(names)


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    if not file.is_file():
        raise DataError(f"no list of photographs at {file}; each of its lines needs a path, a space or a tab, and an identity")
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{file} is no text in UTF-8; each line needs a path, a space or a tab, and an identity") from None
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            path, _, label = line.strip().replace("\t", " ").rpartition(" ")
            if not path.strip():
                raise DataError(f"line {number} of {file} needs a path, a space or a tab, and an identity, got {line.strip()!r:.80}")
            yield path.strip(), label
