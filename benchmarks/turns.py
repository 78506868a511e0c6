"""Two or more ways to do the same, each in a process of its own, which take turns: a busy minute of the machine falls on all of them.

The processes are apart because the allocator's settings hold for a whole process. A process that dies ends the benchmark with a sentence.
"""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from threading import Semaphore, Thread
from typing import Any

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
    workers, seconds = list[tuple[Connection, BaseProcess]](), [list[float]() for _ in ways]
    try:
        for way in ways:
            workers.append(started(_worker, way, threads, warm_up, skipped))
            told(*workers[-1])  # ready; one after the other, so that they do not disturb each other
        for turn in range(rounds):
            for (pipe, process), times in zip(workers, seconds, strict=True):
                if turn:
                    told(pipe, process)
                pipe.send(steps)
                times.append(told(pipe, process))
        for pipe, process in workers:
            told(pipe, process)
            pipe.send(0)
            process.join(timeout=10)
    finally:
        for _, process in workers:
            process.kill()
    return seconds


def started(function: Callable[..., None], *arguments: Any, how: str = "spawn") -> tuple[Connection, BaseProcess]:
    """A process of `function`, whose first argument is its end of the pipe that is returned."""
    context: Any = get_context(how)
    ours, theirs = context.Pipe()
    process = context.Process(target=function, args=(theirs, *arguments))
    process.start()
    theirs.close()  # else nobody would notice that the other end is gone
    return ours, process


def told(pipe: Connection, process: BaseProcess) -> Any:
    """What a process sends next.

    Raises:
        SystemExit: If it has ended instead.
    """
    try:
        return pipe.recv()
    except (EOFError, ConnectionError):
        process.join()
        raise SystemExit(
            f"a worker of this benchmark ended, exit code {process.exitcode}, before it was done; nothing is reported"
        ) from None


@contextmanager
def workers_end() -> Iterator[None]:
    """Commands and pools whose processes may die: the benchmark then ends with a sentence.

    Raises:
        SystemExit: If one does.
    """
    try:
        yield
    except BrokenProcessPool:
        raise SystemExit("a worker of this benchmark ended before it was done; nothing is reported") from None
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"a command of this benchmark failed, exit code {error.returncode}: {' '.join(map(str, error.cmd))}") from None


def of_training(train: Callable[[Callable[[float], None]], object], threads: int) -> Iterator[None]:
    """The steps of the product's own training, which runs in a thread of its own and hands over after each step.

    Args:
        train: Trains, and calls what it is given after each step.
        threads: Of torch, which each thread has for itself.
    """
    import torch

    go, done, ended = Semaphore(0), Semaphore(0), list[str]()

    def after_step(_: float) -> None:
        done.release()
        go.acquire()

    def run() -> None:
        try:
            go.acquire()
            torch.set_num_threads(threads)
            train(after_step)
            ended.append("it is done")
        except BaseException as error:  # else a training that fails would be waited for
            ended.append(repr(error))
        done.release()

    Thread(target=run, daemon=True).start()
    while True:
        go.release()
        done.acquire()
        if ended:
            raise SystemExit(f"training ended before the benchmark did: {ended[0]}")
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
