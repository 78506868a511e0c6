"""InsightFace's verification files: a pickle of encoded photographs, two by two, and of whether each two show one person."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from pickle import dumps
from typing import Any

from facenas.data.benchmarks.verification_set import VerificationSet, distinct, pairs_of, verification_set
from facenas.data.faces import Labels, Size
from facenas.data.formats.bin_pickle import WANTED, Array, load
from facenas.errors import DataError
from facenas.files import write_sealed


@dataclass(frozen=True)
class BinContents:
    """The different photographs of a `.bin` file; a copy in another process reads the file anew.

    Attributes:
        path: The file.
        entries: Number of the entry where each photograph comes first, shape (M,).
    """

    path: Path
    entries: Labels

    def read(self, key: int) -> bytes:
        """The encoded bytes of a photograph."""
        return self.images[key]

    def place(self, key: int) -> str:
        """The file and the first entry of the photograph, for messages."""
        return f"{self.path}, entry {self.entries[key]}"

    def files(self) -> list[Path]:
        """The `.bin` file alone."""
        return [self.path]

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled: the path and the entries, not the photographs."""
        return {"path": self.path, "entries": self.entries}

    @cached_property
    def images(self) -> list[bytes]:
        """The encoded bytes of all M photographs, read from the file at first use."""
        images, _ = read_bin(self.path)
        return [images[entry] for entry in self.entries.tolist()]


def open_bin(path: Path, *, size: Size = 112, name: str | None = None) -> VerificationSet:
    """The photographs and pairs of a `.bin` file; equal photographs in it are one.

    Args:
        path: The file.
        size: Size in pixels that photographs are resized to: a side, or height and width.
        name: Name of the benchmark; by default the file's name.

    Raises:
        DataError: If the file is missing, empty, damaged, cut short, or asks for more than a benchmark's file may.
    """
    images, same = read_bin(path)
    entries, rows = distinct([blake2b(image, digest_size=16).digest() for image in images])
    contents = BinContents(path, entries)
    contents.__dict__["images"] = [images[entry] for entry in entries.tolist()]
    return verification_set(name or path.stem, contents, pairs_of(rows, same), count=len(entries), size=size)


def read_bin(path: Path) -> tuple[list[bytes], list[bool]]:
    """The 2 P encoded photographs and P labels of a `.bin` file."""
    if not path.is_file():
        raise DataError(f"no verification file at {path}; give a .bin file in InsightFace's format")
    content = load(path)
    if not (isinstance(content, (tuple, list)) and len(content) == 2 and all(isinstance(part, (list, tuple, Array)) for part in content)):
        raise DataError(f"{path} is no verification file: {WANTED}")
    images, same = [_image(path, number, entry) for number, entry in enumerate(_listed(content[0]))], _labels(path, content[1])
    if not images or len(images) != 2 * len(same):
        raise DataError(f"{path} holds {len(images)} photographs and {len(same)} labels: {WANTED}; get it again")
    return images, same


def write_bin(path: Path, images: Sequence[bytes], same: Sequence[bool]) -> None:
    """Write a `.bin` file, as InsightFace's and AdaFace's tools read it; an image object that comes again is stored once.

    A checksum follows the pickle, where `pickle.load` does not look.

    Args:
        path: The file.
        images: Encoded photographs, two for each of the P pairs.
        same: Whether the two of each pair show one person, P values.

    Raises:
        DataError: If there are no pairs, or not two photographs for each.
    """
    if not images or len(images) != 2 * len(same):
        raise DataError(f"a verification file has two photographs for each pair, got {len(images)} photographs and {len(same)} pairs")
    write_sealed(path, dumps((list(images), [bool(label) for label in same]), protocol=4))


def _listed(part: Any) -> Sequence[Any]:
    return () if isinstance(part, Array) else part


def _image(path: Path, number: int, entry: Any) -> bytes:
    if isinstance(entry, bytes):
        return entry
    if isinstance(entry, Array) and entry.code == "u1" and max(entry.shape, default=0) == len(entry.data):
        return entry.data
    raise DataError(
        f"{path} must hold encoded photographs as bytes or rows of bytes, its entry {number} is {_described(entry)}; get it again"
    )


def _labels(path: Path, part: Any) -> list[bool]:
    if isinstance(part, Array):
        part = part.values()
    wrong = [label for label in part if not isinstance(label, int | float) or label not in (0, 1)]
    if wrong:
        raise DataError(
            f"{path} must tell by true or false whether two photographs show one person, one label is {_described(wrong[0])}; mend it"
        )
    return [bool(label) for label in part]


def _described(value: Any) -> str:
    """The type and size of a value, for messages; never the value itself, which may be of any length."""
    if isinstance(value, Array):
        return f"a NumPy array of type {value.code} and {len(value.shape)} dimensions"
    return str(value) if isinstance(value, int | float) and abs(value) < 10**9 else f"of type {type(value).__name__}"
