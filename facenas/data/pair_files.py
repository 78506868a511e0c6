"""Verification benchmarks that are pictures in folders with a list of pairs."""

import re
from pathlib import Path

import numpy as np

from facenas.data.bin_pairs import open_bin
from facenas.data.face_files import path_contents
from facenas.data.faces import Labels, Size
from facenas.data.lists import numbered
from facenas.data.pair_lists import ListedPairs, read_cfp, read_list
from facenas.data.verification_set import VerificationSet, benchmark_name, distinct, pairs_of, verification_set
from facenas.errors import DataError

SUFFIXES = (".jpg", ".png", ".jpeg", ".bmp", ".webp")  # aligned copies are often of another kind than the list says


def open_pairs(path: Path, *, root: Path | None = None, size: Size = 112, name: str | None = None) -> VerificationSet:
    """Whatever benchmark there is at a path: a `.bin` file, a list of pairs, or CFP's folder; the pictures must be aligned faces.

    Args:
        path: InsightFace's `.bin` file; LFW's, CALFW's or CPLFW's list; a table of two paths and 0 or 1 a line, with or without a header,
            with commas, tabs or spaces between; the folder that holds CFP's `Protocol`; or a folder with one such list.
        root: Folder that the pictures are in; by default where the benchmark has them, or the list's folder.
        size: In pixels, that photographs are resized to: a side, or height and width.
        name: What it is; `cfp_ff` takes CFP's frontal pairs. By default the name of the list or of its folder.

    Raises:
        DataError: If the list or pictures are missing, or the list is damaged.
    """
    if path.suffix == ".bin":
        return open_bin(path, size=size, name=name)
    protocol = _cfp_protocol(path)
    if protocol:
        name = name or "cfp_fp"
        return _opened(read_cfp(protocol, "FF" if benchmark_name(name) == "cfp_ff" else "FP"), protocol, root, size=size, name=name)
    path = _list_in(path) if path.is_dir() else path
    listed = read_list(path)
    stem = path.resolve().parent.name if path.stem == "pairs" else path.stem
    return _opened(listed, path.parent, root, size=size, name=name or stem.removeprefix("pairs_").lower())


def _cfp_protocol(path: Path) -> Path | None:
    return next((folder for folder in (path, path / "Protocol") if (folder / "Pair_list_F.txt").is_file()), None)


def _list_in(folder: Path) -> Path:
    lists = sorted(file for file in folder.iterdir() if file.suffix in (".txt", ".csv", ".tsv") and file.stem.lower().startswith("pairs"))
    if len(lists) != 1:
        found = f"it has {', '.join(file.name for file in lists)}; give one of them" if lists else "it has none; give the list itself"
        raise DataError(f"{folder} must hold one list of pairs, pairs*.txt or .csv, or CFP's Protocol; {found}")
    return lists[0]


def _opened(listed: ListedPairs, folder: Path, root: Path | None, *, size: Size, name: str) -> VerificationSet:
    firsts, rows = distinct(listed.paths)
    wanted = [listed.paths[first] for first in firsts.tolist()]
    root = root or _usual_root(folder, listed.folders, wanted[0])
    found = [_file(root, path) for path in wanted]
    missing = [path for path, file in zip(wanted, found, strict=True) if file is None]
    if missing:
        rest = f" and {len(missing) - 3:,} more" if len(missing) > 3 else ""
        raise DataError(
            f"{len(missing):,} of {len(wanted):,} pictures of {name} are missing in {root}: {', '.join(missing[:3])}{rest}; "
            "put them there, or give the folder that they are in"
        )
    contents = path_contents(root, [file for file in found if file is not None])
    pairs = pairs_of(rows, listed.same)
    subjects = _subjects(listed, firsts)
    return verification_set(name, contents, pairs, count=len(wanted), size=size, subjects=subjects, remarks=listed.remarks)


def _usual_root(folder: Path, places: tuple[str, ...], path: str) -> Path:
    roots = [folder / place for place in places]
    return next((root for root in roots if _file(root, path)), roots[-1] if len(roots) > 1 and not roots[0].is_dir() else roots[0])


def _file(root: Path, path: str) -> str | None:
    stem = re.sub(r"\.\w+$", "", path)
    return next((file for file in (path, *(stem + suffix for suffix in SUFFIXES)) if (root / file).is_file()), None)


def _subjects(listed: ListedPairs, firsts: Labels) -> Labels | None:
    """The person of each different path, unless the list does not tell, or contradicts itself."""
    if listed.people is None:
        return None
    people = np.array(listed.people)
    if not np.array_equal(people[::2] == people[1::2], listed.same):
        return None
    return numbered([listed.people[first] for first in firsts.tolist()])[0]
