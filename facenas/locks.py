"""Locks: a folder or a file that a command writes is written by one process at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from facenas.errors import RunError

LOCK = "run.lock"  # of a run; outputs that people look at have a hidden one


@contextmanager
def locked(run: Path) -> Iterator[None]:
    """Be the only process that writes to a run folder; the system frees the lock of a process that died.

    Args:
        run: Folder of the run; it is created if it is missing.

    Raises:
        RunError: If another process is writing to the run.
    """
    run.mkdir(parents=True, exist_ok=True)
    with _held(run / LOCK, run, "--run"):
        yield


@contextmanager
def locked_output(output: Path) -> Iterator[None]:
    """Be the only process that writes a file and what belongs to it beside it, or a folder that holds no run.

    Args:
        output: The file or folder that is written.

    Raises:
        RunError: If another process is writing it.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with _held(output.with_name(f".{output.name}.lock"), output, "one", removed=True):
        yield


@contextmanager
def locked_within(run: Path, output: Path) -> Iterator[None]:
    """Be the only process that writes a file of a folder which none has `locked`; others may write other files there meanwhile.

    Args:
        run: The folder, of a run or not.
        output: The file in it that is written.

    Raises:
        RunError: If another process is writing the file, or has locked the whole folder.
    """
    if (run / LOCK).exists():
        with _held(run / LOCK, run, "--run"):
            pass
    with locked_output(output):
        yield


@contextmanager
def _held(lock: Path, what: Path, option: str, *, removed: bool = False) -> Iterator[None]:
    held = FileLock(lock, timeout=0)
    try:
        held.acquire()
        while removed and not lock.exists():  # the process before removed the file that was just locked
            held.release()
            held.acquire()
    except Timeout:
        raise RunError(f"another process is working on {what}; wait for it, or give another {option}") from None
    try:
        yield
    finally:
        if removed:
            lock.unlink(missing_ok=True)
        held.release()
