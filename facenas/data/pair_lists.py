"""Lists of picture pairs: LFW's `pairs.txt`, the lists of CALFW and CPLFW, CFP's folders, and tables of one's own."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facenas.data.faces import Labels
from facenas.data.folders import counting
from facenas.errors import DataError

LABELS = {"0": False, "1": True, "false": False, "true": True}
KINDS = (
    "LFW's lines (`name 1 2`, `name 1 other 2`), CALFW's (`picture.jpg 1`, two lines a pair), or a table of two paths and 0 or 1, "
    "with commas, tabs or spaces between"
)
Lines = Sequence[tuple[int, str]]


@dataclass(frozen=True)
class ListedPairs:
    """Pairs of pictures, in contiguous folds.

    Attributes:
        paths: Two for each pair, 2 P.
        same: Whether they show one person, P.
        people: The person of each path, 2 P; None where the list does not tell.
        folders: Where the pictures usually are, seen from the list.
        remarks: What is odd about the list.
    """

    paths: list[str]
    same: list[bool]
    people: list[str] | None = None
    folders: tuple[str, ...] = (".",)
    remarks: tuple[str, ...] = ()


def read_list(path: Path) -> ListedPairs:
    """The pairs of a text file, whichever kind it is of.

    Raises:
        DataError: If it is no text, empty, or a line is not like the others.
    """
    lines = _lines(path)
    first = next((_fields(line) for _, line in lines if not _is_header(line)), [])
    if _is_lfw(first):
        return _lfw(path, lines)
    if len(first) == 2 and first[1].isdecimal() and "," not in lines[0][1]:
        return _line_by_line(path, lines)
    return _table(path, lines)


def read_cfp(protocol: Path, kind: str) -> ListedPairs:
    """CFP's pairs of two frontal (`FF`), or of a frontal and a profile picture (`FP`), with the folds in the folders' order."""
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
    """Numbers and contents of the lines that are not empty."""
    if not path.is_file():
        raise DataError(f"no list of pairs at {path}; it may have {KINDS}")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise DataError(f"{path} is no text in UTF-8; a list of pairs has {KINDS}") from None
    found = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise DataError(f"{path} lists no pairs; it may have {KINDS}")
    return found


def _fields(line: str) -> list[str]:
    return [field.strip() for field in line.strip().split("\t")] if "\t" in line.strip() else line.split()


def _is_header(line: str) -> bool:
    return len(_fields(line)) < 3 and all(field.isdecimal() for field in _fields(line))


def _is_lfw(fields: Sequence[str]) -> bool:
    return len(fields) in (3, 4) and fields[1].isdecimal() and fields[-1].isdecimal()


def _lfw(path: Path, lines: Lines) -> ListedPairs:
    paths, same, people, announced = list[str](), list[bool](), list[str](), 0
    if _is_header(lines[0][1]):
        announced = 2 * int(np.prod([int(field) for field in _fields(lines[0][1])]))
        lines = lines[1:]
    for number, line in lines:
        fields = _fields(line)
        if not _is_lfw(fields):
            raise _wrong(path, number, line, "`name 1 2` or `name 1 other 2`")
        pair = [(fields[0], fields[1]), (fields[0] if len(fields) == 3 else fields[2], fields[-1])]
        paths += [f"{name}/{name}_{int(photograph):04d}.jpg" for name, photograph in pair]
        people += [name for name, _ in pair]
        same.append(pair[0][0] == pair[1][0])
    odd = (f"the list announces {announced:,} pairs",) if announced not in (0, len(same)) else ()
    return ListedPairs(paths, same, people, (".", "lfw"), odd)


def _line_by_line(path: Path, lines: Lines) -> ListedPairs:
    """CALFW and CPLFW: a picture and its pair's fold a line, 0 for impostors, whose folds are not told."""
    if len(lines) % 2:
        raise DataError(f"{path} must have two lines for each pair, it has {len(lines)}; get it again")
    pictures, folds = list[tuple[str, str]](), list[int]()
    for (_, line), (number, after) in zip(lines[::2], lines[1::2], strict=True):
        first, second = _fields(line), _fields(after)
        if not len(first) == len(second) == 2 or first[1] != second[1] or not first[1].isdecimal():
            raise _wrong(path, number, after, f"a picture and the number of the line before, {line.strip()!r:.80}")
        pictures.append((first[0], second[0]))
        folds.append(int(first[1]))
    order = _dealt(np.array(folds))
    moved = not np.array_equal(order, np.arange(len(order)))
    paths = [picture for pair in order.tolist() for picture in pictures[pair]]
    people = [re.sub(r"_\d+\.\w+$", "", picture) for picture in paths]
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


def _table(path: Path, lines: Lines) -> ListedPairs:
    paths, same = list[str](), list[bool]()
    for (number, line), fields in zip(lines, _columns(path, lines), strict=True):
        label = fields[-1].lower() if len(fields) == 3 else ""
        if label in LABELS:
            paths += fields[:2]
            same.append(LABELS[label])
        elif number != lines[0][0] or len(fields) != 3 or re.fullmatch(r"[-+.\d]*", label):
            raise _wrong(path, number, line, "two paths and 0 or 1")
    if not same:
        raise DataError(f"{path} lists no pairs; it may have {KINDS}")
    return ListedPairs(paths, same)


def _columns(path: Path, lines: Lines) -> Iterator[list[str]]:
    text = [line for _, line in lines]
    delimiter = next((sign for sign in ("\t", ",") if sign in text[0]), None)
    try:
        rows = [line.split() for line in text] if delimiter is None else list(csv.reader(text, delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise DataError(f"{path} cannot be read as a table of two paths and 0 or 1: {error}; mend it") from None
    if len(rows) != len(lines):
        raise DataError(f"{path} must have one pair a line; mend quotation marks that go over more than one")
    return ([field.strip() for field in row] for row in rows)


def _numbered(path: Path) -> dict[str, str]:
    """Person, pose and file of CFP's pictures by number."""
    found = {}
    for number, line in _lines(path):
        match = re.fullmatch(r"\s*(\d+)\s+\S*?([^/\s]+/[^/\s]+/[^/\s]+)\s*", line)
        if not match:
            raise _wrong(path, number, line, "a number and a path that ends in person/frontal/picture.jpg")
        found[match[1]] = match[2]
    return found


def _wrong(path: Path, number: int, line: str, wanted: str) -> DataError:
    return DataError(f"line {number} of {path} must have {wanted}, got {line.strip()!r:.80}; mend it, or get the list again")
