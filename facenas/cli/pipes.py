"""Output that nobody reads any more, as that of `facenas journal runs/orl | head -1` when `head` has ended."""

import os
import select
import sys
from contextlib import suppress

UNREAD = 141  # as a shell reports a tool that SIGPIPE has ended


def place_of_output() -> tuple[int, int]:
    """What standard output is, so that a later look tells whether it was replaced; rich does so when nobody reads it."""
    with suppress(OSError):
        state = os.fstat(1)
        return state.st_dev, state.st_ino
    return 0, 0


def is_unread(before: tuple[int, int]) -> bool:
    """Whether the reader of standard output or error has gone; what is left to be written goes nowhere then.

    Args:
        before: What `place_of_output` returned at the start.
    """
    gone = [number for number in (1, 2) if _is_gone(number)]
    for number in gone:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)
    return bool(gone) or place_of_output() != before


def finish() -> None:
    """Write out what is printed, so that a reader that has gone is noticed now; a BrokenPipeError if it has."""
    if sys.stdout:
        sys.stdout.flush()


def _is_gone(number: int) -> bool:
    if not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(number, 0)
    with suppress(OSError):
        return any(event & select.POLLERR for _, event in poll.poll(0))
    return False
