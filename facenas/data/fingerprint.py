"""The fingerprint of a data set: what tells it from another one, or from itself before somebody changed it, wherever it lies."""

from collections.abc import Callable
from hashlib import blake2b

import numpy as np
from pydantic import Field

from facenas.data.classes import ImageSet
from facenas.data.face_files import Contents, Decoding, FaceFiles
from facenas.data.faces import FaceDataset, Labels, rows_of_each
from facenas.errors import DataError
from facenas.settings import Section

READ = 1000  # photographs whose content counts; of a larger set so many, evenly spread
TABLED = 2000  # people up to whom each has an entry of its own
NAMED = 5  # differences that a sentence names
Content = Callable[[int], bytes]


class Fingerprint(Section):
    """Hashes and counts that identify a data set wherever it lies."""

    dataset: str = Field(description="Kind of data set, such as folder or orl.")
    people: int = Field(description="Number of people or classes.")
    photographs: int = Field(description="Number of photographs.")
    files: str = Field(description="Hash of the people's names, their files' names below the data set's folder, and the files' sizes.")
    content: str = Field(description="Hash of the content of a sample of the photographs; of all of them, if they are few.")
    table: dict[str, tuple[int, str]] = Field({}, description="Number of photographs and hash of each person; empty where there are many.")

    @property
    def brief(self) -> "Fingerprint":
        """The same fingerprint without the hashes of the single people."""
        return self.model_copy(update={"table": {}})

    @property
    def identity(self) -> str:
        """Eight characters that stand for the fingerprint."""
        return _hash(self.files.encode(), self.content.encode())[:8]

    @property
    def in_words(self) -> str:
        """The fingerprint as a line for people: data set, people, photographs and the eight characters."""
        return f"{self.dataset}: {self.people:,} people, {self.photographs:,} photographs, {self.identity}"

    def differs(self, other: "Fingerprint") -> str:
        """What another fingerprint, of these data as they are now, has gained or lost, as a half-sentence; empty if nothing differs."""
        if self.brief == other.brief:
            return ""
        if self.table and other.table and (told := _told(self.table, other.table)):
            return told
        counts = (("people", self.people, other.people), ("photographs", self.photographs, other.photographs))
        told = ", ".join(f"{now:,} {what} instead of {before:,}" for what, before, now in counts if before != now)
        return told or ("files have other names or sizes" if self.files != other.files else "photographs have another content")


def _told(before: dict[str, tuple[int, str]], now: dict[str, tuple[int, str]]) -> str:
    """A half-sentence on people that are gone, new or have other photographs, from the tables of two fingerprints."""
    told = [f"{name} is gone" for name in before if name not in now] + [f"{name} is new" for name in now if name not in before]
    for name in before.keys() & now.keys() if before != now else ():
        (count, digest), (later, other) = before[name], now[name]
        if count != later:
            told.append(f"{name} has {later} photographs instead of {count}")
        elif digest != other:
            told.append(f"{name} has other photographs")
    rest = f" and {len(told) - NAMED} more" if len(told) > NAMED else ""
    return ", ".join(sorted(told)[:NAMED]) + rest


def fingerprint_of(data: FaceDataset | ImageSet) -> Fingerprint:
    """The fingerprint of faces or of labelled images.

    Files in folders count with their names and sizes, which takes seconds for hundreds of thousands; one file that holds many
    photographs counts with its size. The bytes of at most 1,000 photographs are read. Images in memory count with all their pixels.
    """
    if isinstance(data, ImageSet):
        names = tuple(map(str, range(data.num_classes)))
        return _made("images", names, data.labels, lambda row: b"", lambda row: data.images[row].tobytes(), every=True)
    kind, photographs = data.dataset.partition(":")[0], data.photographs if isinstance(data, FaceFiles) else None
    if not isinstance(data, FaceFiles) or not isinstance(photographs, Decoding):
        return _made(kind, data.names, data.identities, lambda row: b"", lambda row: data.image(row).tobytes(), every=True)
    contents, keys = photographs.contents, data.keys
    entry = getattr(contents, "entry", None) or (lambda key: b"%d" % key)
    whole = b"" if hasattr(contents, "entry") else repr([file.stat().st_size for file in contents.files()]).encode()
    return _made(
        kind, data.names, data.identities, lambda row: entry(int(keys[row])), lambda row: _bytes(contents, int(keys[row])), whole=whole
    )


def _made(
    dataset: str, names: tuple[str, ...], labels: Labels, entry: Content, content: Content, *, every: bool = False, whole: bytes = b""
) -> Fingerprint:
    """The fingerprint of photographs with labels (M,).

    Args:
        dataset: Kind of data set.
        names: Names of the people or classes.
        labels: Person or class of each photograph, shape (M,).
        entry: Gives the name and size of a photograph's file.
        content: Gives a photograph's bytes.
        every: Whether the content of all photographs counts, and not of a sample.
        whole: Further bytes that count, such as the sizes of files that hold many photographs.
    """
    count = len(labels)
    read = set(range(count)) if every or count <= READ else set(np.linspace(0, count - 1, READ).astype(int).tolist())
    files, contents, table = blake2b(whole, digest_size=16), blake2b(digest_size=16), dict[str, tuple[int, str]]()
    for rows in rows_of_each(labels) if count else ():
        entries = b"\0".join(entry(row) for row in rows.tolist())
        inside = b"".join(_hash(content(row)).encode() for row in rows.tolist() if row in read)
        name = names[int(labels[rows[0]])]
        files.update(name.encode(errors="surrogateescape") + b"\0" + entries + b"\n")
        contents.update(inside)
        if len(names) <= TABLED:
            table[name] = (len(rows), _hash(entries, inside)[:8])
    return Fingerprint(
        dataset=dataset, people=len(names), photographs=count, files=files.hexdigest(), content=contents.hexdigest(), table=table
    )


def _bytes(contents: Contents, key: int) -> bytes:
    try:
        return bytes(contents.read(key))
    except (OSError, DataError):
        return b"unreadable"


def _hash(*parts: bytes) -> str:
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
