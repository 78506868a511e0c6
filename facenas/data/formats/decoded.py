"""Images that were decoded once: a file of bytes beside its checksum, read back only if the two agree."""

import json
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from facenas.data.classes import ImageSet
from facenas.files import cache_folder, replacing


def decoded_once(name: str, files: Sequence[Path], decode: Callable[[], ImageSet]) -> ImageSet:
    """The images that `decode` makes of files, from a cache if these are the files of then (path, size, time of change).

    A cache file that is damaged is made again; one that cannot be written is done without.

    Args:
        name: Name that the cache file begins with.
        files: The files that are decoded.
        decode: Decodes the files; it is called where the cache has nothing.
    """
    path = stamped("images", name, files).with_suffix(".bin")
    found = _read(path)
    if found is None:
        found = decode()
        try:
            with replacing(path) as temporary:
                _write(temporary, found)
        except OSError:
            pass
    return found


def stamped(folder: str, name: str, files: Sequence[Path]) -> Path:
    """The path in the cache for what is made of files as they are now; changed files give another path.

    Args:
        folder: Folder in the cache.
        name: Beginning of the last part of the path.
        files: The files; their paths, sizes and times of change count.
    """
    return cache_folder() / folder / f"{name}-{stamp(files).hex()[:16]}"


def stamp(files: Sequence[Path]) -> bytes:
    """A hash of the paths of files, of their sizes and of their times of change; a missing file counts as -1."""
    return sha256(json.dumps([_state(file) for file in files]).encode()).digest()


def _state(file: Path) -> tuple[str, int, int]:
    try:
        state = file.stat()
    except OSError:
        return str(file.resolve()), -1, -1
    return str(file.resolve()), state.st_size, state.st_mtime_ns


def _write(path: Path, images: ImageSet) -> None:
    head = json.dumps({"shape": images.images.shape, "classes": images.num_classes})
    content = head.encode() + b"\n" + images.images.tobytes() + images.labels.tobytes()
    path.write_bytes(sha256(content).hexdigest().encode() + b"\n" + content)


def _read(path: Path) -> ImageSet | None:
    try:
        checksum, _, content = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    if sha256(content).hexdigest().encode() != checksum:
        return None
    first, _, arrays = content.partition(b"\n")
    head = json.loads(first)
    size = int(np.prod(head["shape"]))
    images = np.frombuffer(arrays, np.uint8, size).reshape(head["shape"])
    return ImageSet(images, np.frombuffer(arrays, np.int64, offset=size), head["classes"])
