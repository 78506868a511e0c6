"""RecordIO files as MXNet and InsightFace write them, read by memory map and without MXNet.

A record is `magic, flag << 29 | length, data, padding to 4 bytes`, little endian. Where data holds the magic word at a multiple of 4 bytes
from its beginning, the word is left out and the record split there: flag 1 first, 2 middle and 3 last part; 0 is a whole record. Data is an
IRHeader (flag, label, id, id2), then `flag` float32 labels in place of its label, then the image file.

Source: dmlc-core, include/dmlc/recordio.h; mxnet/recordio.py.
"""

import mmap
import struct
import warnings
from base64 import b64decode
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from facenas.data.faces import Labels
from facenas.errors import DataError
from facenas.files import DamagedError, read_checked_json

MAGIC = 0xCED7230A
MAGIC_BYTES = struct.pack("<I", MAGIC)
LENGTH_BITS = 29
LENGTHS = 1 << LENGTH_BITS
WHOLE, FIRST, MIDDLE, LAST = range(4)
HEAD = struct.Struct("<II")  # magic, flag and length
WHOLE_HEAD = struct.Struct("<III")  # and the number of labels, where the record is not split
IR_HEADER = struct.Struct("<IfQQ")
IMAGE_AT = HEAD.size + IR_HEADER.size
MOST_IDENTITIES = 2**24  # beyond it a float32 no longer tells two labels apart
Words = NDArray[np.uint32]


@dataclass(frozen=True)
class RecordFile:
    """The records of one `.rec` file, read by memory map; a copy in another process maps the file anew.

    Attributes:
        path: The `.rec` file.
        offsets: Where each record begins, in bytes, shape (R,).
        keys: Number of each record in the `.idx` file, shape (R,); without an `.idx` file its place in the `.rec` file.
        checksums: CRC-32 of each record's data, shape (R,); empty where the file has none, as files from elsewhere.
    """

    path: Path
    offsets: Labels
    keys: Labels
    checksums: Words = field(default_factory=lambda: np.zeros(0, np.uint32))

    def data(self, record: int) -> bytes | memoryview:
        """A record's data: a view of the file, or a copy where the record is split.

        Raises:
            DataError: If there is no such record, it is damaged or cut short.
        """
        offset = int(self.offsets[record])
        flag, first = self._part(offset, record)
        if flag == WHOLE:
            return first
        if flag != FIRST:
            raise self.damaged(record, "begins in the middle of a split record")
        parts = [first]
        while flag != LAST:
            offset += HEAD.size + _padded(len(parts[-1]))
            flag, part = self._part(offset, record)
            if flag not in (MIDDLE, LAST):
                raise self.damaged(record, "is split, and a part of it is missing")
            parts.append(part)
        return MAGIC_BYTES.join(parts)

    def read(self, key: int) -> bytes | memoryview:
        """The image file that a record holds."""
        offset, view, size = int(self.offsets[key]), self.map, self.map.nbytes
        if 0 <= offset <= size - WHOLE_HEAD.size:
            magic, length, labels = WHOLE_HEAD.unpack_from(view, offset)
            start, end = offset + IMAGE_AT + 4 * labels, offset + HEAD.size + length
            if magic == MAGIC and length < LENGTHS and start <= end <= size:  # a whole record, as nearly all are
                self._check(key, view[offset + HEAD.size : end])
                return view[start:end]
        data = self.data(key)
        self._check(key, data)
        if len(data) < IR_HEADER.size:
            raise self.damaged(key, f"has {len(data)} bytes, fewer than its header")
        return data[IR_HEADER.size + 4 * int.from_bytes(data[:4], "little") :]

    def place(self, key: int) -> str:
        """The file and the record's key, for messages."""
        return f"{self.path}, record {self.keys[key]}"

    def files(self) -> list[Path]:
        """The paths of the `.rec` file and of its `.idx` file, if they are there."""
        return [file for file in (self.path, self.path.with_suffix(".idx")) if file.is_file()]

    def damaged(self, record: int, reason: str) -> DataError:
        """The error for a damaged record, to be raised.

        Args:
            record: Row of the record.
            reason: What is wrong, as a verb with its object: `is cut short`.
        """
        return DataError(f"{self.place(record)} at byte {self.offsets[record]} {reason}; get the file again, or pack it anew")

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled: all but the memory map."""
        return {"path": self.path, "offsets": self.offsets, "keys": self.keys, "checksums": self.checksums}

    @cached_property
    def map(self) -> memoryview:
        """The bytes of the whole file."""
        with self.path.open("rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    def _check(self, record: int, data: bytes | memoryview) -> None:
        if len(self.checksums) and crc32(data) != self.checksums[record]:
            raise self.damaged(record, f"is not what was written: {checksums_file(self.path).name} has another checksum of it")

    def _part(self, offset: int, record: int) -> tuple[int, memoryview]:
        start = offset + HEAD.size
        if start > len(self.map) or offset < 0:
            raise self.damaged(record, f"is cut short: the file ends at byte {len(self.map)}")
        magic, word = HEAD.unpack_from(self.map, offset)
        if magic != MAGIC:
            raise self.damaged(record, "does not begin with RecordIO's magic number")
        end = start + (word & LENGTHS - 1)
        if end > len(self.map):
            raise self.damaged(record, f"is cut short: the file ends at byte {len(self.map)}")
        return word >> LENGTH_BITS, self.map[start:end]


def open_records(path: Path) -> RecordFile:
    """The records of a file, found by its `.idx` if there is one, else by going through it.

    Raises:
        DataError: If the file or its index is missing, empty or damaged.
    """
    if not path.is_file():
        raise DataError(f"no RecordIO file at {path}; give a .rec file or the folder that holds train.rec")
    if not path.stat().st_size:
        raise DataError(f"{path} is empty; get it again")
    checksums, index = _checksums(path), path.with_suffix(".idx")
    if index.is_file():
        keys, offsets = _read_index(index)
    else:
        offsets = _scan(path)
        keys = np.arange(len(offsets))
    if len(checksums) not in (0, len(offsets)):
        raise _other(path, f"{len(offsets)} records, and checksums of {len(checksums)}")
    return RecordFile(path, offsets, keys, checksums)


def checksums_file(path: Path) -> Path:
    """Path of the file with the records' checksums, beside a `.rec` file that facenas wrote."""
    return path.with_suffix(".checksums.json")


def _checksums(path: Path) -> Words:
    """CRC-32 of each record (R,), empty for a file from elsewhere; checks the small files beside it against their SHA-256."""
    file = checksums_file(path)
    if not file.is_file():
        return np.zeros(0, np.uint32)
    try:
        told = read_checked_json(file)
        changed = [
            name for name, digest in told["files"].items()
            if (beside := path.parent / name).is_file() and sha256(beside.read_bytes()).hexdigest() != digest
        ]  # fmt: skip
        checksums: Words = np.frombuffer(b64decode(told["records"]), "<u4")
    except (DamagedError, KeyError, ValueError, AttributeError) as error:
        raise DataError(f"{file} holds no checksums ({' '.join(str(error).split())[:200]}); remove it to do without") from None
    if changed:
        raise _other(path, f"{' and '.join(changed)} with another checksum")
    return checksums


def _other(path: Path, what: str) -> DataError:
    return DataError(
        f"{path} has {what}: a file is damaged or was replaced; get it again, or remove {checksums_file(path).name} to do without"
    )


def _read_index(index: Path) -> tuple[Labels, Labels]:
    """Keys and offsets (R,) of the records from an `.idx` file, in the order of the `.rec` file."""
    with warnings.catch_warnings(action="error"):
        try:
            numbers = np.fromstring(index.read_text(encoding="ascii"), np.int64, sep=" ")
            keys, offsets = numbers.reshape(-1, 2).T
        except (ValueError, DeprecationWarning):
            raise DataError(f"{index} is damaged: each line needs a key, a tab and a byte offset; remove it to do without") from None
    if not len(keys):
        raise DataError(f"{index} is empty; remove it to do without")
    order = np.argsort(offsets, kind="stable")
    return np.ascontiguousarray(keys[order]), np.ascontiguousarray(offsets[order])


def _scan(path: Path) -> Labels:
    """Offsets of all records (R,), found by going through the `.rec` file."""
    here, offset, found = RecordFile(path, np.zeros(0, np.int64), np.zeros(0, np.int64)), 0, list[int]()
    view = here.map
    while offset < len(view):
        fits = offset + HEAD.size <= len(view)
        magic, word = HEAD.unpack_from(view, offset) if fits else (MAGIC, 0)
        if not fits or magic != MAGIC:
            reason = "does not begin with RecordIO's magic number" if fits else "is cut short"
            raise RecordFile(path, np.array([offset]), np.array([len(found)])).damaged(0, reason)
        if word >> LENGTH_BITS in (WHOLE, FIRST):
            found.append(offset)
        offset += HEAD.size + _padded(word & LENGTHS - 1)
    return np.array(found, dtype=np.int64)


def image_labels(file: RecordFile) -> tuple[Labels, Labels]:
    """The records that hold an image, and their labels, without reading the images.

    Header and identity records, as InsightFace writes them, hold labels alone and so are left out; the ranges of keys in them are not
    needed, and float32 as they are, wrong beyond 2^24.

    Returns:
        Rows of `file` (M,) in order of their keys, and the label of each (M,): the first one of those that have several.

    Raises:
        DataError: If a record is damaged, or a label is no identity's number.
    """
    flags, labels, lengths = _heads(file)
    images = np.flatnonzero(lengths > IR_HEADER.size + 4 * flags)
    if not len(images):
        raise DataError(f"{file.path} holds no images; get it again")
    first = int(np.argmin(file.keys))
    announced = labels[first] - 1 if file.keys[first] == 0 and first not in images else len(images)
    if announced != len(images) and announced < MOST_IDENTITIES - 1:
        raise DataError(
            f"the header of {file.path} announces {announced:.0f} images, {len(images)} are found; get the file and its .idx again"
        )
    wrong = images[~((labels[images] >= 0) & (labels[images] < MOST_IDENTITIES) & (labels[images] == np.floor(labels[images])))]
    if len(wrong):
        raise DataError(
            f"{file.place(int(wrong[0]))} has the label {labels[wrong[0]]:g}; "
            f"an identity's number is whole, from 0 to {MOST_IDENTITIES - 1}"
        )
    rows = images[np.argsort(file.keys[images], kind="stable")]
    return rows, labels[rows].astype(np.int64)


def _heads(file: RecordFile) -> tuple[Labels, NDArray[np.float32], Labels]:
    """Flag, label and length of the data of every record (R,), by looking at its first 36 bytes alone."""
    usable = len(file.map) // 4
    words = np.frombuffer(file.map, np.uint32, usable)
    at = file.offsets // 4
    outside = (file.offsets < 0) | (file.offsets % 4 > 0) | (at + 2 > usable)
    at = np.where(outside, 0, at)
    lengths = (words[at + 1] & LENGTHS - 1).astype(np.int64)
    odd = outside | (words[at] != MAGIC) | (words[at + 1] >> LENGTH_BITS != WHOLE) | (lengths < IR_HEADER.size)
    odd |= file.offsets + HEAD.size + lengths > len(file.map)
    at[odd] = 0
    values = words.view(np.float32)
    flags = _take(words, at + 2).astype(np.int64)
    labels = np.where(flags > 0, _take(values, at + 8), _take(values, at + 3))
    for record in np.flatnonzero(odd).tolist():  # split, or damaged: then the reader says how
        data = file.data(record)
        if len(data) < IR_HEADER.size:
            raise file.damaged(record, f"has {len(data)} bytes, fewer than its header")
        flags[record], labels[record], *_ = IR_HEADER.unpack_from(data)
        lengths[record] = len(data)
        if flags[record] and len(data) >= IR_HEADER.size + 4:
            labels[record] = struct.unpack_from("<f", data, IR_HEADER.size)[0]
    return flags, labels, lengths


def _take(words: NDArray[Any], at: Labels) -> NDArray[Any]:
    return words[np.minimum(at, len(words) - 1)]


def _padded(length: int) -> int:
    return -(-length // 4) * 4
