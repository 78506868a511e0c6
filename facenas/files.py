"""Files that are either whole or absent."""

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any


def cache_folder() -> Path:
    """Where facenas keeps what it can make again: FACENAS_CACHE, else the user's folder for caches."""
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
    finally:
        temporary.unlink(missing_ok=True)


@cache
def _machine() -> str:
    """Whose process numbers these are: of this host and, in a container, of its own processes."""
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
    """Write a text file in one step."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file in one step."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
