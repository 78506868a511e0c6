"""Files that are either whole or absent."""

import json
import logging
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any

CHECKSUM = "sha256"  # key of a JSON file's checksum
logger = logging.getLogger("facenas")


def cache_folder() -> Path:
    """The folder for files that facenas can make again: FACENAS_CACHE, else `facenas` in the user's folder for caches."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("FACENAS_CACHE") or Path(base) / "facenas")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to; renamed to `path` on success, removed on failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _without_leftovers(path.parent.absolute(), os.getpid())
    temporary = path.with_name(f".{path.name}.{_machine()}.{os.getpid()}")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        if error.filename == str(temporary):  # nobody has heard of that one
            error.filename = str(path)
        raise
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@cache
def _machine() -> str:
    """A hash that tells this machine's process numbers from another's; each container has process numbers of its own."""
    space = Path("/proc/self/ns/pid")
    return blake2b(f"{platform.node()} {space.readlink() if space.is_symlink() else ''}".encode(), digest_size=4).hexdigest()


@cache
def _without_leftovers(folder: Path, process: int) -> None:
    """Remove the temporary files of processes of this machine that were killed; once for each folder that a process writes to."""
    with suppress(OSError):
        for file in folder.glob(f".*.{_machine()}.*"):
            owner = file.suffix[1:]
            if owner.isdecimal() and int(owner) != process and not _is_alive(int(owner)):
                file.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def write_text(path: Path, text: str) -> None:
    """Write a text file (UTF-8) in one step, so that a reader sees the old content or the new one.

    Args:
        path: Where the file is written; one that is there is replaced.
        text: The whole content.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file in one step.

    Args:
        path: Where the file is written; one that is there is replaced.
        value: Anything that `json.dumps` takes.
    """
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


class DamagedError(ValueError):
    """A file whose content is not the one that was written."""


SEAL = b"\nfacenas-sha256 "  # then 64 hexadecimal digits end the file


def write_sealed(path: Path, content: bytes) -> None:
    """Write a file in one step, with a checksum at its end; readers of zip archives, such as `torch.load`, pass over it.

    Args:
        path: Where the file is written; one that is there is replaced.
        content: The bytes before the checksum.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content + SEAL + sha256(content).hexdigest().encode())


def read_sealed(path: Path) -> bytes:
    """The content of a file that was written with a checksum; one without it, as written before there were any, is not checked.

    Raises:
        OSError: If the file cannot be read.
        DamagedError: If the content differs from what was written.
    """
    data = path.read_bytes()
    content, seal, digest = data[: -len(SEAL) - 64], data[-len(SEAL) - 64 : -64], data[-64:]
    if seal != SEAL:
        return data
    if sha256(content).hexdigest().encode() != digest:
        raise DamagedError(f"{path} is damaged: its content is not what was written")
    return content


def write_checked_json(path: Path, value: dict[str, Any]) -> None:
    """Write a JSON object in one step, with a checksum of all its values under `sha256`.

    Args:
        path: Where the file is written; one that is there is replaced.
        value: The JSON object, without a key `sha256` of its own.
    """
    write_json(path, value | {CHECKSUM: _checksum(value)})


def read_checked_json(path: Path, *, edited: bool = False) -> dict[str, Any]:
    """A JSON object without its checksum; one that has none, as written before there were any, is not checked.

    Args:
        path: The file.
        edited: Whether people edit such files by hand: then a file with another checksum is read too, and a warning says so once.

    Raises:
        OSError: If the file cannot be read.
        DamagedError: If the file holds no JSON object, or its content differs from what was written.
    """
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"{path} is damaged: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(value, dict):
        raise DamagedError(f"{path} must hold a JSON object, got {type(value).__name__}")
    digest = value.pop(CHECKSUM, None)
    if digest is not None and digest != _checksum(value):
        if not edited:
            raise DamagedError(f"{path} is damaged: its content is not what was written")
        _say_edited(path, str(digest))
    return value


@cache
def _say_edited(path: Path, digest: str) -> None:
    logger.warning("%s is not what facenas wrote: it was edited, or is damaged; if it was edited, remove its line %r", path, CHECKSUM)


def _checksum(value: dict[str, Any]) -> str:
    return sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode(errors="surrogatepass")).hexdigest()
