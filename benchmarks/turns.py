"""Two or more ways to do the same, each in a process of its own, which take turns: a busy minute of the machine falls on all of them.

The processes are apart because the allocator's settings hold for a whole process.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from threading import Semaphore, Thread

Steps = Callable[[], Iterator[None]]


def in_turns(ways: Sequence[Steps], *, rounds: int, steps: int, threads: int, warm_up: int, skipped: int = 0) -> list[list[float]]:
    """Seconds per step of every way, in every round.

    Args:
        ways: Can be sent to another process; one step is done whenever the iterator is asked.
        rounds: Turns of each.
        steps: Timed steps of a turn.
        threads: Of torch.
        warm_up: Steps before the first turn.
        skipped: Steps at the beginning of a turn that are not timed, since loader workers have made them ahead.
    """
    context, pipes, processes = get_context("spawn"), list[Connection](), []
    for way in ways:
        ours, theirs = context.Pipe()
        process = context.Process(target=_worker, args=(theirs, way, threads, warm_up, skipped))
        process.start()
        ours.recv()  # ready; one after the other, so that they do not disturb each other
        pipes.append(ours)
        processes.append(process)
    seconds: list[list[float]] = [[] for _ in ways]
    for turn in range(rounds):
        for pipe, times in zip(pipes, seconds, strict=True):
            if turn:
                pipe.recv()
            pipe.send(steps)
            times.append(pipe.recv())
    for pipe, process in zip(pipes, processes, strict=True):
        pipe.recv()
        pipe.send(0)
        process.join(timeout=10)
        process.kill()
    return seconds


def of_training(train: Callable[[Callable[[float], None]], object], threads: int) -> Iterator[None]:
    """The steps of the product's own training, which runs in a thread of its own and hands over after each step.

    Args:
        train: Trains, and calls what it is given after each step.
        threads: Of torch, which each thread has for itself.
    """
    import torch

    go, done = Semaphore(0), Semaphore(0)

    def after_step(_: float) -> None:
        done.release()
        go.acquire()

    def run() -> None:
        go.acquire()
        torch.set_num_threads(threads)
        train(after_step)

    Thread(target=run, daemon=True).start()
    while True:
        go.release()
        done.acquire()
        yield


def timed(function: Callable[[], object]) -> float:
    """Seconds that it takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def ratio(slow: list[float], fast: list[float]) -> dict[str, object]:
    """Ratio of medians, and the range of the rounds'."""
    from statistics import median

    rounds = [a / b for a, b in zip(slow, fast, strict=True)]
    return {"ratio": median(slow) / median(fast), "ratio_range": [min(rounds), max(rounds)]}


def _worker(connection: Connection, way: Steps, threads: int, warm_up: int, skipped: int) -> None:
    import torch

    torch.set_num_threads(threads)
    taking = way()
    for _ in range(warm_up):
        next(taking)
    while True:
        connection.send(None)
        count = connection.recv()
        if not count:
            break
        for _ in range(skipped):
            next(taking)
        _wait()
        start = time.perf_counter()
        for _ in range(count):
            next(taking)
        _wait()
        connection.send((time.perf_counter() - start) / count)


def _wait() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
