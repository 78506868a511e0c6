"""What users are told of their data beside the result."""

import logging
from collections.abc import Sequence
from multiprocessing import parent_process

logger = logging.getLogger("facenas")


def say(text: str) -> None:
    """Write a warning to standard error, unless this is a worker process: workers read the same data and would repeat it."""
    if parent_process() is None:
        logger.warning("%s", text)


def some(names: Sequence[str], most: int = 3) -> str:
    """The first few names, and how many more there are.

    Args:
        names: All names.
        most: How many of them are written out.
    """
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest:,} more" if rest > 0 else "")
