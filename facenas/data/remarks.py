"""What users are told of their data beside the result."""

import logging
from collections.abc import Sequence
from multiprocessing import parent_process

logger = logging.getLogger("facenas")


def say(text: str) -> None:
    """A line on standard error, of the process that was started by the user alone: its workers read the same data."""
    if parent_process() is None:
        logger.warning("%s", text)


def some(names: Sequence[str], most: int = 3) -> str:
    """The first few names, and how many more there are."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest:,} more" if rest > 0 else "")
