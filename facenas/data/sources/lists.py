"""Faces that a text file lists."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from pydantic import Field

from facenas.data.face_files import FaceFiles, path_contents
from facenas.data.faces import Labels, Size
from facenas.data.formats.lines import read_lines, slashed
from facenas.data.formats.listed_files import finder
from facenas.data.formats.walking import counting
from facenas.data.sources.source import EncodedFaces
from facenas.errors import DataError

WANTED = "a path, a space or a tab, and an identity a line, or MXNet's `number label path`"
COLUMNS = re.compile(
    r"((index|id|file|files|filename|image|image_path|img|path|label|labels|identity|class|person|name|subject)\b[\s,]*){2,}", re.I
)
NUMBER = re.compile(r"-?\d+(\.\d+)?")
UNLABELLED = ("", "-1")
LOOKED_FOR = 10  # photographs by which it is seen whether they are called as the list says
L = TypeVar("L")
logger = logging.getLogger("facenas")


class ListFaces(EncodedFaces):
    """A text file with one photograph a line: its path, a space or a tab, its identity; or a list of MXNet's or InsightFace's tools."""

    name: Literal["list"] = Field("list", description="Name of the source.")
    file: str = Field(description="The text file.")
    root: str | None = Field(None, description="Folder that the paths are relative to; null: the one of the file.")

    def open(self, size: Size) -> FaceFiles:
        """All photographs, read when they are asked for; identities are in the order of their names, numbers as numbers."""
        file = Path(self.file).expanduser()
        lines = labelled(_listed(file), str(file))
        if not lines:
            raise DataError(f"{file} lists no photograph with a label; it may have {WANTED}")
        root = Path(self.root).expanduser() if self.root else file.parent
        contents = path_contents(root, _there(root, [path for path, _ in lines]))
        identities, names = numbered([label for _, label in lines])
        return self.files(f"list:{file.resolve()}", contents, identities, names, keys=np.arange(len(lines)), size=size)


def _there(root: Path, paths: list[str]) -> list[str]:
    """The paths of a list; if its first ones do not exist as written, those of the files that they mean."""
    if all((root / path).is_file() for path in paths[:LOOKED_FOR]):
        return paths
    file_of = finder(root)
    return [file_of(path) or path for path in paths]


def labelled(listed: Sequence[tuple[L, str]], where: str) -> list[tuple[L, str]]:
    """Leave out what has no label (-1); a warning tells how many that are.

    Args:
        listed: Photographs, or whatever stands for them, with their labels.
        where: Name of the list for the warning.
    """
    known = [(one, label) for one, label in listed if label not in UNLABELLED]
    if len(known) < len(listed):
        logger.warning("%s: left out %d of %d photographs that have no label", where, len(listed) - len(known), len(listed))
    return known


def numbered(labels: Sequence[str]) -> tuple[Labels, tuple[str, ...]]:
    """The number of each label (M,), and the names of the different labels in the order of these numbers."""
    names = sorted(set(labels), key=counting)
    number = {name: i for i, name in enumerate(names)}
    return np.array([number[label] for label in labels], dtype=np.int64), tuple(names)


def _listed(file: Path) -> list[tuple[str, str]]:
    """The path and the label in each line of a list."""
    lines = [(number, line.strip()) for number, line in read_lines(file, what="photographs", wanted=WANTED)]
    lines = [(number, line) for number, line in lines if line.split()[0] != "#"]  # remarks
    lines = lines[1:] if lines and COLUMNS.fullmatch(lines[0][1]) else lines
    if not lines:
        raise DataError(f"{file} lists no photographs; it may have {WANTED}")
    columns = _columns(lines[0][1])
    return [_entry(file, number, line, columns) for number, line in lines]


def _columns(line: str) -> tuple[int, int] | None:
    """Columns of path and label: MXNet's lists have `number label path`, InsightFace's, with tabs, `1 path label`; None: path, label."""
    fields = _fields(line)
    numbers = [bool(NUMBER.fullmatch(field)) for field in fields]
    if len(fields) < 3 or not numbers[0]:
        return None
    if numbers[1] and not numbers[-1]:
        return -1, 1
    return (1, 2) if numbers[2] and not numbers[1] and "\t" in line else None


def _fields(line: str) -> list[str]:
    return line.split("\t") if "\t" in line else line.split(maxsplit=2)


def _entry(file: Path, number: int, line: str, columns: tuple[int, int] | None) -> tuple[str, str]:
    path, label = "", ""
    if columns is None:
        path, _, label = line.replace("\t", " ").rpartition(" ")
    elif len(fields := _fields(line)) > 2 and NUMBER.fullmatch(fields[columns[1]]):
        path, label = fields[columns[0]], re.sub(r"\.0+$", "", fields[columns[1]])
    if not path.strip():
        wanted = "a path, a space or a tab, and an identity" if columns is None else "the columns of the first line"
        raise DataError(f"line {number} of {file} needs {wanted}, got {line!r:.80}")
    return slashed(path.strip()), label.strip()
