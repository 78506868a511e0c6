"""Candidates in other processes: finished, stopped, lost, and never left behind."""

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from facenas.backbones import PlainSpace
from facenas.errors import DataError, RunError
from facenas.search import Candidate, InProcess, Processes, Score
from facenas.search.executors import Executor, Progress
from facenas.training.fit import Evaluation

SPACE = PlainSpace()


def candidate(depth: int, epochs: int = 1) -> Candidate:
    return Candidate(architecture=SPACE.start(depth=depth, width=8), epochs=epochs, phase="grow")


def work(asked: Candidate, progress: Progress) -> Evaluation:
    """A tenth of a second for each epoch; a depth of 99 has bad data, of 98 kills its process."""
    if asked.architecture.depth == 99:
        raise DataError("the data is bad")
    if asked.architecture.depth == 98:
        os.kill(os.getpid(), signal.SIGKILL)
    for step in range(10 * asked.epochs):
        time.sleep(0.01)
        progress(step / 10)
    return Evaluation(score=Score(correct=asked.architecture.depth, total=100), history=(), seconds=1.0, device=str(os.getpid()))


@pytest.fixture
def pool() -> Iterator[Processes]:
    executor = Processes(work, 2)
    yield executor
    executor.close()


def finish(executor: Executor) -> dict[str, int]:
    done: dict[str, int] = {}
    while executor.running:
        done |= {key: evaluation.score.correct for key, evaluation in executor.wait()}
    return done


@pytest.mark.parametrize("make", [InProcess, lambda evaluate, watch: Processes(evaluate, 2, watch)], ids=["in process", "processes"])
def test_results_come_back_under_their_keys_and_progress_is_told(make: Callable[..., Executor]) -> None:
    told: list[tuple[int, float]] = []
    executor = make(work, lambda asked, epochs: told.append((asked.architecture.depth, epochs)))
    for depth in (5, 6)[: executor.workers]:
        executor.submit(f"key{depth}", candidate(depth, epochs=5))
    assert finish(executor) == {f"key{depth}": depth for depth in (5, 6)[: executor.workers]}
    assert {depth for depth, _ in told} == set((5, 6)[: executor.workers])
    assert executor.free == executor.workers
    executor.close()


def test_a_candidate_that_is_given_up_frees_its_process_at_once(pool: Processes) -> None:
    pool.submit("long", candidate(5, epochs=600))
    pool.submit("short", candidate(6))
    pool.cancel("long")
    start = time.monotonic()
    done = []
    while pool.free < 2:
        done += pool.wait()
    assert [key for key, _ in done] == ["short"]
    assert time.monotonic() - start < 30
    pool.submit("next", candidate(7))
    assert finish(pool) == {"next": 7}


def test_a_killed_worker_is_replaced_and_its_candidate_done_again(pool: Processes) -> None:
    pool.submit("a", candidate(5, epochs=20))
    pool.submit("b", candidate(6, epochs=20))
    time.sleep(0.5)
    victim = pool._workers[0].process
    os.kill(victim.pid, signal.SIGKILL)
    assert finish(pool) == {"a": 5, "b": 6}
    assert not victim.is_alive()


def test_a_candidate_that_kills_every_worker_ends_the_search_with_a_sentence(pool: Processes) -> None:
    pool.submit("deadly", candidate(98))
    with pytest.raises(RunError, match=r"3 worker processes died .* on depth 98, width 8; out of memory\?"):
        finish(pool)


def test_an_error_of_a_worker_is_raised_as_it_is(pool: Processes) -> None:
    pool.submit("bad", candidate(99))
    with pytest.raises(DataError, match="the data is bad"):
        finish(pool)
