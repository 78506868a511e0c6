"""Lists of picture pairs: LFW's `pairs.txt`, the lists of CALFW and CPLFW, CFP's folders, and tables of one's own."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np

from facenas.data.faces import Labels
from facenas.data.formats.lines import Lines, read_lines, slashed
from facenas.data.sources.folders import counting
from facenas.errors import DataError

LABELS = {"0": False, "1": True, "-1": False, "0.0": False, "1.0": True, "false": False, "true": True}
KINDS = (
    "LFW's lines (`name 1 2`, `name 1 other 2`), CALFW's (`picture.jpg 1`, two lines a pair), or a table of two paths and 0 or 1, "
    "with commas, semicolons, tabs or spaces between"
)


class ListedPair(NamedTuple):
    """A line of a list of pairs.

    Attributes:
        number: Number of the line, from 1.
        text: The whole line.
        fields: The parts of the line.
    """

    number: int
    text: str
    fields: list[str]


@dataclass(frozen=True)
class ListedPairs:
    """Pairs of pictures, in contiguous folds.

    Attributes:
        paths: Paths of the pictures, two for each of the P pairs.
        same: Whether the two of each pair show one person, P values.
        people: Person of each path, 2 P names; None where the list does not tell.
        folders: Folders where the pictures usually are, relative to the list.
        remarks: Phrases on what is odd about the list.
    """

    paths: list[str]
    same: list[bool]
    people: list[str] | None = None
    folders: tuple[str, ...] = (".",)
    remarks: tuple[str, ...] = ()


def read_list(path: Path) -> ListedPairs:
    """The pairs of a text file in any of the known forms.

    Raises:
        DataError: If the file is no text or empty, or a line has another form than the others.
    """
    rows = _rows(path, _lines(path))
    announced = _announced(rows[0].fields)
    rows = rows[1:] if announced or _is_header(rows[0].fields) else rows
    first = rows[0].fields if rows else []
    if _is_lfw(first) and not any(len(row.fields) == 3 and row.fields[2] == "0" for row in rows):  # LFW counts photographs from 1
        return _lfw(path, rows, announced)
    if len(first) == 2 and _is_number(first[1]):
        return _line_by_line(path, rows)
    return _table(path, rows)


def read_cfp(protocol: Path, kind: str) -> ListedPairs:
    """Read CFP's pairs, with the folds in the folders' order.

    Args:
        protocol: CFP's folder `Protocol`.
        kind: `FF` for two frontal pictures, `FP` for a frontal and a profile picture.

    Raises:
        DataError: If a list is missing or damaged, or there are no folds.
    """
    frontal = _numbered(protocol / "Pair_list_F.txt")
    others = frontal if kind == "FF" else _numbered(protocol / "Pair_list_P.txt")
    folds = sorted((protocol / "Split" / kind).glob("*/"), key=lambda folder: counting(folder.name))
    paths, same = list[str](), list[bool]()
    for file, label in [(fold / name, label) for fold in folds for name, label in (("same.txt", True), ("diff.txt", False))]:
        for number, line in _lines(file):
            match = re.fullmatch(r"\s*(\d+)\s*,\s*(\d+)\s*", line)
            if not match or match[1] not in frontal or match[2] not in others:
                raise _wrong(file, number, line, "two numbers of the lists of pictures, with a comma between")
            paths += [frontal[match[1]], others[match[2]]]
            same.append(label)
    if not same:
        raise DataError(f"no folds below {protocol / 'Split' / kind}; it must hold folders 01 to 10 with same.txt and diff.txt")
    return ListedPairs(paths, same, [path.split("/")[0] for path in paths], ("../Data/Images",))


def _lines(path: Path) -> Lines:
    return read_lines(path, what="pairs", wanted=KINDS)


def _rows(path: Path, lines: Lines) -> list[ListedPair]:
    """The lines split into their parts; empty parts at the end, which spreadsheets write, are dropped."""
    parts = _separated(path, [line for _, line in lines])
    rows = [ListedPair(number, line, [field.strip() for field in fields]) for (number, line), fields in zip(lines, parts, strict=True)]
    for row in rows:
        while row.fields and not row.fields[-1]:
            row.fields.pop()
    numbered = rows[0].fields[:1] == [""]  # a header without a name for the column of row numbers
    return [row._replace(fields=row.fields[1:]) for row in rows] if numbered else rows


def _separated(path: Path, text: Sequence[str]) -> list[list[str]]:
    delimiter = next((sign for sign in (",", ";") if sign in text[0]), None) if "\t" not in text[0].strip() else None
    try:
        if delimiter is None:
            return [next(csv.reader([line.strip()], delimiter="\t")) if "\t" in line.strip() else line.split() for line in text]
        found = list(csv.reader(text, delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise DataError(f"{path} cannot be read as a table of two paths and 0 or 1: {error}; mend it") from None
    if len(found) != len(text):
        raise DataError(f"{path} must have one pair a line; mend quotation marks that go over more than one")
    return found


def _announced(fields: Sequence[str]) -> int:
    """The number of pairs that LFW's first line announces, by one number or by folds and pairs of each kind; 0 if it is no such line."""
    return 2 * prod(map(int, fields)) if 0 < len(fields) < 3 and all(map(_is_number, fields)) else 0


def _is_number(field: str) -> bool:
    return field.isdecimal() and len(field) < 10


def _is_header(fields: Sequence[str]) -> bool:
    """Whether a table's first line names its columns: nothing in it is a label, a number or a file."""
    return len(fields) in (3, 4) and not any(
        re.fullmatch(r"[-+.\d]*|.*[/\\].*|.*\.\w+", field) or field.lower() in LABELS for field in fields
    )


def _is_lfw(fields: Sequence[str]) -> bool:
    return len(fields) in (3, 4) and _is_number(fields[1]) and _is_number(fields[-1])


def _lfw(path: Path, rows: Sequence[ListedPair], announced: int) -> ListedPairs:
    paths, same, people = list[str](), list[bool](), list[str]()
    for row in rows:
        fields = row.fields
        if not _is_lfw(fields):
            raise _wrong(path, row.number, row.text, "`name 1 2` or `name 1 other 2`")
        pair = [(fields[0], fields[1]), (fields[0] if len(fields) == 3 else fields[2], fields[-1])]
        paths += [f"{name}/{name}_{int(photograph):04d}.jpg" for name, photograph in pair]
        people += [name for name, _ in pair]
        same.append(pair[0][0] == pair[1][0])
    odd = (f"the list announces {announced:,} pairs",) if announced not in (0, len(same)) else ()
    return ListedPairs(paths, same, people, _lfw_folders(path), odd)


def _lfw_folders(path: Path) -> tuple[str, ...]:
    """Folders where the pictures of LFW's list may be: beside it, or where RFW has those of `txts/African/African_pairs.txt`."""
    return (".", "lfw", "lfw-deepfunneled/lfw-deepfunneled", f"../../data/{path.resolve().parent.name}")


def _line_by_line(path: Path, rows: Sequence[ListedPair]) -> ListedPairs:
    """The pairs of CALFW's and CPLFW's lists: a line has a picture and its pair's fold, 0 for impostors, whose folds are not told."""
    if len(rows) % 2:
        raise DataError(f"{path} must have two lines for each pair, it has {len(rows)}; get it again")
    pictures, folds = list[tuple[str, str]](), list[int]()
    for (_, line, first), (number, after, second) in zip(rows[::2], rows[1::2], strict=True):
        if not len(first) == len(second) == 2 or first[1] != second[1] or not _is_number(first[1]):
            raise _wrong(path, number, after, f"a picture and the number of the line before, {line.strip()!r:.80}")
        pictures.append((slashed(first[0]), slashed(second[0])))
        folds.append(int(first[1]))
    order = _dealt(np.array(folds))
    moved = not np.array_equal(order, np.arange(len(order)))
    paths = [picture for pair in order.tolist() for picture in pictures[pair]]
    people = [re.sub(r"_\d+(\.\w+)?$", "", picture) for picture in paths]
    odd = ("impostor pairs, whose folds the list does not tell, are dealt to the folds in order",) if moved else ()
    return ListedPairs(paths, [folds[pair] > 0 for pair in order.tolist()], people, ("aligned images", "images", "."), odd)


def _dealt(folds: Labels) -> Labels:
    """The order in which each fold's genuine pairs are followed by an equal share of the impostors."""
    numbers = np.unique(folds[folds > 0])
    if len(numbers) < 2:
        return np.arange(len(folds))
    shares = np.array_split(np.flatnonzero(folds == 0), len(numbers))
    return np.concatenate(
        [rows for number, share in zip(numbers, shares, strict=True) for rows in (np.flatnonzero(folds == number), share)]
    )


def _table(path: Path, rows: Sequence[ListedPair]) -> ListedPairs:
    """The pairs of a table: two paths and a label in each line; some tables write the label first."""
    paths, same = list[str](), list[bool]()
    last = any(len(row.fields) == 3 and row.fields[2].lower() in LABELS for row in rows)
    for number, line, fields in rows:
        label = fields[-1 if last else 0].lower() if len(fields) == 3 else ""
        if label not in LABELS:
            raise _wrong(path, number, line, "two paths and 0 or 1")
        paths += map(slashed, fields[:2] if last else fields[1:])
        same.append(LABELS[label])
    if not same:
        raise DataError(f"{path} lists no pairs; it may have {KINDS}")
    return ListedPairs(paths, same)


def _numbered(path: Path) -> dict[str, str]:
    """Person, pose and file of CFP's pictures by number."""
    found = {}
    for number, line in _lines(path):
        match = re.fullmatch(r"\s*(\d+)\s+\S*?([^/\s]+/[^/\s]+/[^/\s]+)\s*", slashed(line))
        if not match:
            raise _wrong(path, number, line, "a number and a path that ends in person/frontal/picture.jpg")
        found[match[1]] = match[2]
    return found


def _wrong(path: Path, number: int, line: str, wanted: str) -> DataError:
    return DataError(f"line {number} of {path} must have {wanted}, got {line.strip()!r:.80}; mend it, or get the list again")
