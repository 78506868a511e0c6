"""Benchmarks whose workers die end with a sentence, instead of waiting."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection

import pytest

from benchmarks.turns import in_turns, of_training, started, told, workers_end


def steps(most: int = 10**9, how: str = "exit") -> Iterator[None]:
    for _ in range(most):
        time.sleep(0.001)
        yield
    if how == "exit":
        os._exit(3)
    raise RuntimeError("a step failed")


@pytest.mark.timeout(60)
def test_ways_take_turns() -> None:
    seconds = in_turns([steps, steps], rounds=2, steps=3, threads=1, warm_up=1, skipped=1)
    assert [len(times) for times in seconds] == [2, 2] and all(0.001 < one < 1 for times in seconds for one in times)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("most", "how", "code"), [(0, "exit", 3), (4, "raise", 1)])
def test_a_worker_that_dies(most: int, how: str, code: int) -> None:
    """Before its first turn, or in one, while the other waits."""
    with pytest.raises(SystemExit, match=f"a worker of this benchmark ended, exit code {code}, before it was done"):
        in_turns([steps, partial(steps, most, how)], rounds=3, steps=2, threads=1, warm_up=1)


def fail(after_step: Callable[[float], None]) -> None:
    after_step(0.5)
    raise ValueError("training failed")


@pytest.mark.timeout(60)
def test_a_training_that_fails_in_its_thread() -> None:
    taking = of_training(fail, 1)
    next(taking)
    with pytest.raises(SystemExit, match=r"training ended before the benchmark did: ValueError\(.training failed"):
        next(taking)


def die(pipe: Connection, code: int) -> None:
    os._exit(code)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("how", ["spawn", "fork"])
def test_one_answer_of_one_process(how: str) -> None:
    with pytest.raises(SystemExit, match="exit code 4"):
        told(*started(die, 4, how=how))


@pytest.mark.timeout(60)
def test_pools_and_commands() -> None:
    with (
        pytest.raises(SystemExit, match="a worker of this benchmark ended"),
        workers_end(),
        ProcessPoolExecutor(1, get_context("spawn")) as pool,
    ):
        pool.submit(os._exit, 1).result()
    with pytest.raises(SystemExit, match="a command of this benchmark failed, exit code 5: "), workers_end():
        subprocess.run([sys.executable, "-c", "raise SystemExit(5)"], check=True)
