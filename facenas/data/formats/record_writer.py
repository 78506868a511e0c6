"""Writing RecordIO files in InsightFace's layout, for any tool that reads those."""

import json
import struct
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

import numpy as np

from facenas.data.faces import Size, sides
from facenas.data.formats.records import (
    FIRST,
    HEAD,
    IR_HEADER,
    LAST,
    LENGTH_BITS,
    MAGIC,
    MAGIC_BYTES,
    MIDDLE,
    MOST_IDENTITIES,
    WHOLE,
    checksums_file,
)  # fmt: skip
from facenas.errors import DataError
from facenas.files import replacing, write_checked_json


def write_records(path: Path, images: Iterable[tuple[int, bytes]], *, names: Sequence[str], size: Size) -> int:
    """Write `.rec`, `.idx`, `property`, `.names.json` and `.checksums.json`: all of them or, on failure, none.

    Key 0 is the header record, keys 1 to M are the images, then there is one record for each identity with its range of keys.

    Args:
        path: The `.rec` file.
        images: Identity and encoded bytes of each image, by ascending identity.
        names: Name of each identity; other tools do not look at it.
        size: Size of the images in pixels: a side, or height and width.

    Returns:
        The number of images.

    Raises:
        DataError: If there are too many images for float32 labels, or an image is too long for a record.
    """
    people, total, counts, sums = len(names), 0, np.zeros(len(names), np.int64), list[int]()
    checksums_file(path).unlink(missing_ok=True)  # of files that were there before
    with _files(path) as (records, index, about, called):

        def add(key: int, label: float, image: bytes, *labels: float) -> None:
            index.write(b"%d\t%d\n" % (key, records.tell()))
            header = IR_HEADER.pack(len(labels), label, key, 0) + struct.pack(f"<{len(labels)}f", *labels)
            records.write(record_bytes(header + image))
            sums.append(crc32(header + image))

        add(0, 0, b"", 0, 0)
        for identity, image in images:
            counts[identity] += 1
            total += 1
            add(total, identity, image)
        if total + people >= MOST_IDENTITIES:
            raise DataError(f"a .rec file with a header holds fewer than {MOST_IDENTITIES} images and identities, got {total} and {people}")
        for person, end in enumerate(np.cumsum(counts).tolist(), 1):
            add(total + person, 0, b"", end - counts[person - 1] + 1, end + 1)
        first = IR_HEADER.pack(2, 0, 0, 0) + struct.pack("<2f", total + 1, total + 1 + people)
        sums[0] = crc32(first)
        records.seek(0)
        records.write(record_bytes(first))
        about.write(f"{people},{','.join(map(str, sides(size)))}\n".encode())
        called.write(json.dumps(list(names), ensure_ascii=False).encode())
    _write_checksums(path, sums)
    return total


def names_file(path: Path) -> Path:
    """Path of the file with the identities' names, beside a `.rec` file."""
    return path.with_suffix(".names.json")


def record_bytes(data: bytes) -> bytes:
    """The bytes of one record of the file: its data, split where it holds the magic word at a multiple of four bytes."""
    cuts = [at for at in _occurrences(data) if at % 4 == 0]
    bounds = [(start, end) for start, end in zip([0, *(cut + 4 for cut in cuts)], [*cuts, len(data)], strict=True)]
    flags = [WHOLE] if not cuts else [FIRST, *[MIDDLE] * (len(cuts) - 1), LAST]
    return b"".join(_part(flag, data[start:end]) for flag, (start, end) in zip(flags, bounds, strict=True))


def _write_checksums(path: Path, sums: Sequence[int]) -> None:
    """Write a file with the CRC-32 of each record's data, in the order of the file, and the SHA-256 of the small files beside it."""
    beside = {file.name: sha256(file.read_bytes()).hexdigest() for file in (path.with_suffix(".idx"), names_file(path))}
    write_checked_json(checksums_file(path), {"records": b64encode(np.array(sums, "<u4").tobytes()).decode(), "files": beside})


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
