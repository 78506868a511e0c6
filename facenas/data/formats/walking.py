"""The one walk through folders of photographs: what belongs to whom, and what is nobody's."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from facenas.errors import DataError

IGNORED = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "faces.csv", "config.yaml"}  # the last two by `facenas align`
NOBODYS = {"__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found"}  # folders of systems, as are hidden ones
SIDECARS = {".txt", ".csv", ".tsv", ".json", ".xml", ".yaml", ".yml", ".md", ".html", ".pts", ".lst", ".npy", ".mat"}


class FoundFile(NamedTuple):
    """A file below a folder.

    Attributes:
        name: Path of the file below the folder, as the system writes it.
        left_out: Reason why the file must not be read; empty if it may be.
    """

    name: str
    left_out: str = ""


def files_below(root: Path, *, links: bool = False) -> Iterator[FoundFile]:
    """Every file below a folder, whatever it holds: those of a folder before those of its folders, in the order of names.

    Hidden files and folders, and those that systems make, are passed over in silence.

    Args:
        root: The folder whose files are listed.
        links: Whether links are followed, as in a user's own data: to files everywhere, to folders in `root` itself. If not, nothing
            outside the folder is read.

    Raises:
        DataError: If a folder cannot be read.
    """
    yield from _below(root, "", root.resolve(), links=links)


def counting(name: str) -> list[tuple[bool, int, str]]:
    """Sort key that reads runs of digits as numbers: s2 before s10."""
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", name)]


def _below(folder: Path, before: str, inside: Path, *, links: bool) -> Iterator[FoundFile]:
    """The files of one folder and of its folders; `before` is the path from the walk's root to the folder."""
    try:
        with os.scandir(folder) as entries:
            found = sorted((entry for entry in entries if not _is_nobodys(entry.name)), key=lambda entry: counting(entry.name))
    except OSError as error:
        raise DataError(f"the folder {folder} cannot be read: {error.strerror}; make it readable, or remove it") from None
    folders = []
    for entry in found:
        reason = _left_out(folder / entry.name, inside, links=links, top=not before) if entry.is_symlink() else ""
        if not reason and entry.is_dir():
            folders.append(entry.name)
        elif entry.name.lower() not in IGNORED:
            yield FoundFile(before + entry.name, reason or ("" if entry.is_file() else "no regular file"))
    for name in folders:
        yield from _below(folder / name, f"{before}{name}{os.sep}", inside, links=links)


def _is_nobodys(name: str) -> bool:
    return name.startswith(".") or name.lower() in NOBODYS


def _left_out(link: Path, inside: Path, *, links: bool, top: bool) -> str:
    """The reason why a link is not followed, if it is not; links to folders count at the top alone, as they could lead in circles."""
    if not link.exists():
        return "a link to nothing"
    if link.is_dir():
        return "" if links and top and not inside.is_relative_to(link.resolve()) else "a link to a folder"
    return "" if links or link.resolve().is_relative_to(inside) else "a link that leaves the folder"
