"""Writing RecordIO files in InsightFace's layout, for any tool that reads those."""

import json
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np

from facenas.data.faces import Labels
from facenas.data.records import FIRST, HEAD, IR_HEADER, LAST, LENGTH_BITS, MAGIC, MAGIC_BYTES, MIDDLE, MOST_IDENTITIES, WHOLE
from facenas.errors import DataError
from facenas.files import replacing


def write_records(path: Path, images: Iterator[bytes], identities: Labels, *, names: Sequence[str], size: int) -> None:
    """Write `.rec`, `.idx`, `property` and `.names.json`: all of them or, on failure, none.

    Key 0 is the header record, keys 1 to M are the images ordered by identity, then one record for each identity with its range of keys.

    Args:
        path: The `.rec` file.
        images: Encoded images, in the order of `identities`.
        identities: Their people (M,), ascending.
        names: Name of each identity; other tools do not look at it.
        size: Side of the images in pixels.

    Raises:
        DataError: If there are too many images for float32 labels, or an image is too long for a record.
    """
    count, people = len(identities), len(names)
    if count + people >= MOST_IDENTITIES:
        raise DataError(f"a .rec file with a header holds fewer than {MOST_IDENTITIES} images and identities, got {count} and {people}")
    starts = np.searchsorted(identities, np.arange(people + 1)) + 1
    with _files(path) as (records, index, about, called):
        write = _Writer(records, index)
        write.add(0, IR_HEADER.pack(2, 0.0, 0, 0) + struct.pack("<2f", count + 1, count + 1 + people))
        for key, (image, identity) in enumerate(zip(images, identities.tolist(), strict=True), 1):
            write.add(key, IR_HEADER.pack(0, identity, key, 0) + image)
        for person, (start, end) in enumerate(pairwise(starts.tolist())):
            key = count + 1 + person
            write.add(key, IR_HEADER.pack(2, 0.0, key, 0) + struct.pack("<2f", start, end))
        about.write(f"{people},{size},{size}\n".encode())
        called.write(json.dumps(list(names), ensure_ascii=False).encode())


def names_file(path: Path) -> Path:
    """Where the identities' names are, beside a `.rec` file."""
    return path.with_suffix(".names.json")


def record_bytes(data: bytes) -> bytes:
    """A record of the file: the data, split where it holds the magic word at a multiple of four bytes."""
    cuts = [at for at in _occurrences(data) if at % 4 == 0]
    bounds = [(start, end) for start, end in zip([0, *(cut + 4 for cut in cuts)], [*cuts, len(data)], strict=True)]
    flags = [WHOLE] if not cuts else [FIRST, *[MIDDLE] * (len(cuts) - 1), LAST]
    return b"".join(_part(flag, data[start:end]) for flag, (start, end) in zip(flags, bounds, strict=True))


class _Writer:
    """Appends records and their places."""

    def __init__(self, records: BinaryIO, index: BinaryIO) -> None:
        self.records, self.index = records, index

    def add(self, key: int, data: bytes) -> None:
        """One record."""
        self.index.write(b"%d\t%d\n" % (key, self.records.tell()))
        self.records.write(record_bytes(data))


def _occurrences(data: bytes) -> Iterator[int]:
    at = data.find(MAGIC_BYTES)
    while at >= 0:
        yield at
        at = data.find(MAGIC_BYTES, at + 1)


def _part(flag: int, data: bytes) -> bytes:
    if len(data) >= 1 << LENGTH_BITS:
        raise DataError(f"an image of {len(data)} bytes does not fit into a record; it must have fewer than {1 << LENGTH_BITS}")
    return HEAD.pack(MAGIC, flag << LENGTH_BITS | len(data)) + data + bytes(-len(data) % 4)


@contextmanager
def _files(path: Path) -> Iterator[Sequence[BinaryIO]]:
    targets = (path, path.with_suffix(".idx"), path.with_name("property"), names_file(path))
    with ExitStack() as stack:
        temporaries = [stack.enter_context(replacing(target)) for target in targets]
        opened = [temporary.open("wb") for temporary in temporaries]
        try:
            yield opened
        finally:
            for file in opened:
                file.close()
