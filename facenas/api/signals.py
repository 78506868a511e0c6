"""Signals while a verb works."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def hearing(handler: Callable[[int, FrameType | None], None], *numbers: int) -> Iterator[None]:
    """Handle signals as long as this context lasts; in other threads than the main one, which Python lets hear none, nothing changes.

    Args:
        handler: Function that is called with the signal's number and the frame that it interrupts.
        numbers: The signals.
    """
    here = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, handler) for number in (numbers if here else ())}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former or signal.SIG_DFL)
