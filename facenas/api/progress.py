"""What a verb shows while it works: lines of the logger `facenas` and bars, on standard error. Without `progress=True` only warnings."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

logger = logging.getLogger("facenas")


@cache
def console() -> "Console":
    """Standard error, as rich writes to it; made when something is shown, since rich takes a tenth of a second."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, emoji=False)


class Lines(logging.Handler):
    """Shows what is logged as lines on standard error, above bars and never broken."""

    def emit(self, record: logging.LogRecord) -> None:
        """Show one log record as a line."""
        console().print(self.format(record), soft_wrap=True)


def shown() -> bool:
    """Whether lines and bars are shown now."""
    return any(isinstance(handler, Lines) for handler in logger.handlers)


@contextmanager
def showing(progress: bool = True) -> Iterator[None]:
    """Show lines and bars as long as this context lasts.

    Args:
        progress: Whether to show them; False changes nothing, nor does True where they are shown already.
    """
    if not progress or shown():
        yield
        return
    handler, level = Lines(), logger.level
    logger.addHandler(handler)
    logger.setLevel(min(logger.getEffectiveLevel(), logging.INFO))
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def progress_bars() -> "Progress":
    """Bars on standard error, with elapsed and remaining time; nothing where there is no terminal, or nothing is to be shown."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console(), transient=True, disable=not (shown() and console().is_terminal))


@contextmanager
def bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar; gives a function that moves it on by a number of units.

    Args:
        what: What is done, and in which unit: `embed (pictures)`.
        total: Number of units in all.
    """
    with progress_bars() as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)
