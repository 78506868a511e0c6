"""Times of calls, taken by turns."""

import time
from collections.abc import Callable, Mapping

ROUNDS, WARM, LEAST_SECONDS = 5, 3, 0.05


def in_rounds(ways: Mapping[str, Callable[[], object]], *, rounds: int = ROUNDS) -> dict[str, list[list[float]]]:
    """Seconds of every call, by way and round; in each round the ways take turns, so that a busy minute falls on all of them.

    Args:
        ways: Functions to call, by name.
        rounds: Number of turns of each function.
    """
    for call in ways.values():
        for _ in range(WARM):
            call()
    times: dict[str, list[list[float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, call in ways.items():
            call()  # whoever's turn it was before has had the caches
            times[name].append(turn(call))
    return times


def turn(call: Callable[[], object]) -> list[float]:
    """Seconds of each of at least three calls that fill at least 50 ms together."""
    seconds: list[float] = []
    while sum(seconds) < LEAST_SECONDS or len(seconds) < WARM:
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return seconds
