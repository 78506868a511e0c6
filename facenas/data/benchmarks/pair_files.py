"""Verification benchmarks that are pictures in folders with a list of pairs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from facenas.data.benchmarks.pair_lists import ListedPairs, read_cfp, read_list
from facenas.data.benchmarks.verification_set import OFFICIAL_PAIRS, VerificationSet, benchmark_name, distinct, pairs_of, verification_set
from facenas.data.face_files import path_contents
from facenas.data.faces import Labels, Size
from facenas.data.formats.bin_pairs import open_bin
from facenas.data.formats.listed_files import finder
from facenas.data.sources.lists import numbered
from facenas.errors import DataError

LOOKED_FOR = 10  # pictures by which their folder is found, some of which may be missing


def open_pairs(
    path: Path, *, root: Path | None = None, size: Size = 112, name: str | None = None, most_missing: float = 0
) -> VerificationSet:
    """Open the verification benchmark at a path: a `.bin` file, a list of pairs, or CFP's folder; the pictures must be aligned faces.

    Args:
        path: InsightFace's `.bin` file; LFW's, CALFW's or CPLFW's list; a table of two paths and 0 or 1 a line, with or without a header,
            with commas, tabs or spaces between; the folder that holds CFP's `Protocol`; or a folder with one such list.
        root: Folder that the pictures are in; by default where the benchmark has them, or the list's folder.
        size: Size in pixels that photographs are resized to: a side, or height and width.
        name: Name of the benchmark; `cfp_ff` takes CFP's frontal pairs. By default the name of the list or of its folder.
        most_missing: Share of the pictures that may be missing; these cannot be read when they are asked for.

    Raises:
        DataError: If the list or more pictures are missing, or the list is damaged.
    """
    if path.suffix == ".bin":
        return open_bin(path, size=size, name=name)
    protocol = _cfp_protocol(path)
    if protocol:
        name = name or "cfp_fp"
        listed = read_cfp(protocol, "FF" if benchmark_name(name) == "cfp_ff" else "FP")
        return _opened(listed, protocol, root, size=size, name=name, most_missing=most_missing)
    path = _list_in(path, name) if path.is_dir() else path
    listed = read_list(path)
    stem = path.resolve().parent.name if path.stem == "pairs" else path.stem
    name = name or stem.removeprefix("pairs_").removesuffix("_pairs").lower()
    return _opened(listed, path.parent, root, size=size, name=name, most_missing=most_missing)


def holds_benchmark(path: Path, name: str) -> bool:
    """Whether `open_pairs` finds a benchmark at a path: a file, or a folder with a list of pairs or CFP's protocol.

    Args:
        path: A file or folder, there or not.
        name: Name of the benchmark, which tells its list from others in the folder.
    """
    return path.is_file() or (path.is_dir() and (_cfp_protocol(path) is not None or bool(_lists_in(path, name))))


def _cfp_protocol(path: Path) -> Path | None:
    return next((folder for folder in (path, path / "Protocol") if (folder / "Pair_list_F.txt").is_file()), None)


def _list_in(folder: Path, name: str | None) -> Path:
    lists = _lists_in(folder, name)
    if len(lists) != 1:
        found = f"it has {', '.join(file.name for file in lists)}; give one of them" if lists else "it has none; give the list itself"
        raise DataError(f"{folder} must hold one list of pairs, pairs*.txt or .csv, or CFP's Protocol; {found}")
    return lists[0]


def _lists_in(folder: Path, name: str | None) -> list[Path]:
    """Lists of pairs in a folder: where others lie beside it, the one of the benchmark's name alone, or `pairs.txt` alone."""
    texts = sorted(file for file in folder.iterdir() if file.suffix.lower() in (".txt", ".csv", ".tsv") and file.is_file())
    called = {file: file.stem.lower().removeprefix("pairs_").removesuffix("_pairs") for file in texts if "pair" in file.stem.lower()}
    if name:
        wanted = benchmark_name(name)
        called = {file: of for file, of in called.items() if of == wanted or of not in OFFICIAL_PAIRS}
        if wanted in called.values():
            return [file for file, of in called.items() if of == wanted][:1]
    return [file for file, of in called.items() if of == "pairs"][:1] or list(called)


def _opened(listed: ListedPairs, folder: Path, root: Path | None, *, size: Size, name: str, most_missing: float) -> VerificationSet:
    firsts, rows = distinct(listed.paths)
    wanted = [listed.paths[first] for first in firsts.tolist()]
    root = root or _usual_root(folder, listed.folders, wanted)
    file_of = finder(root)
    found = [file_of(path) for path in wanted]
    missing = [path for path, file in zip(wanted, found, strict=True) if file is None]
    if len(missing) > most_missing * len(wanted):
        rest = f" and {len(missing) - 3:,} more" if len(missing) > 3 else ""
        raise DataError(
            f"{len(missing):,} of {len(wanted):,} pictures of {name} are missing in {root}: {', '.join(missing[:3])}{rest}; "
            "put them there, or give the folder that they are in"
        )
    contents = path_contents(root, [file or path for path, file in zip(wanted, found, strict=True)])
    pairs = pairs_of(rows, listed.same)
    subjects = _subjects(listed, firsts)
    return verification_set(name, contents, pairs, count=len(wanted), size=size, subjects=subjects, remarks=listed.remarks)


def _usual_root(folder: Path, places: tuple[str, ...], paths: Sequence[str]) -> Path:
    """The pictures' folder: the first usual place that has one of the first pictures, else the only folder beside the list that has one."""
    roots = [folder / place for place in places]
    beside = [place for place in sorted(folder.iterdir()) if place.is_dir()]
    holding, others = ([root for root in some if any(map(finder(root), paths[:LOOKED_FOR]))] for some in (roots, beside))
    otherwise = roots[1] if len(roots) > 1 and not roots[0].is_dir() else roots[0]
    return holding[0] if holding else others[0] if len(others) == 1 else otherwise


def _subjects(listed: ListedPairs, firsts: Labels) -> Labels | None:
    """Number of the person in each different picture; None where the list does not tell, or contradicts itself."""
    if listed.people is None:
        return None
    people = np.array(listed.people)
    if not np.array_equal(people[::2] == people[1::2], listed.same):
        return None
    return numbered([listed.people[first] for first in firsts.tolist()])[0]
