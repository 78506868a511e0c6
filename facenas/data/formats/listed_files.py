"""The file that a list means: lists are written on other systems, and of pictures that were converted since."""

import unicodedata
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

# Copies are often of another kind than the list says; of several the first of these is taken.
SUFFIXES = (".jpg", ".png", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".gif", ".jp2", ".avif")


def finder(root: Path) -> Callable[[str], str | None]:
    """A function that finds the file that a list means below `root`, and gives its path there; None: there is none.

    It is the file of this path or, as lists are written on other systems and for pictures of other kinds, one of the same name with another
    suffix or none in the list, in capitals or not, with accents in one or two characters.
    """

    @cache
    def names(folder: Path) -> dict[str, str]:
        with suppress(OSError):
            pictures = [file.name for file in folder.iterdir() if file.suffix.lower() in SUFFIXES]
            return {_stem(name): name for name in sorted(pictures, key=_preference, reverse=True)}
        return {}

    def file_of(path: str) -> str | None:
        with suppress(OSError):  # a name may be too long for the file system
            for form in dict.fromkeys((path, unicodedata.normalize("NFC", path), unicodedata.normalize("NFD", path))):
                folder, slash, name = form.rpartition("/")
                if (root / form).is_file():
                    return form
                if there := names(root / folder).get(_stem(name)):
                    return folder + slash + there
        return None

    return file_of


def _preference(name: str) -> tuple[int, str]:
    return SUFFIXES.index(Path(name).suffix.lower()), name


def _stem(name: str) -> str:
    """A picture's name without its suffix, if what follows the last dot is one."""
    name = unicodedata.normalize("NFC", name)
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and f".{suffix.lower()}" in SUFFIXES else name
