"""Where candidates are trained: here, or in processes of this machine. `on_ray.py` has the machines of a cluster."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple, Protocol

import torch

from facenas.errors import RunError
from facenas.score import Evaluation
from facenas.search.candidate import Candidate

Progress = Callable[[float], None]  # epochs done
Evaluate = Callable[[Candidate, Progress], Evaluation]
Watch = Callable[[Candidate, float], None]  # epochs done
MOST_LOSSES = 3  # workers that one candidate may cost
REPORT_SECONDS = 0.2


class Executor(Protocol):
    """Trains candidates, several at once, and returns their evaluations as values, in any order."""

    workers: int

    @property
    def running(self) -> list[str]:
        """Keys of the candidates in training."""

    @property
    def free(self) -> int:
        """Workers without a candidate; one that is being stopped is not free yet."""

    def submit(self, key: str, candidate: Candidate) -> None:
        """Begin to train a candidate; at most `workers` candidates are in training.

        Args:
            key: Name of the candidate's result.
            candidate: The candidate to train.
        """

    def cancel(self, key: str) -> None:
        """Give a candidate up; what it has reached stays in its checkpoint."""

    def wait(self) -> list[tuple[str, Evaluation]]:
        """Block until something has changed; returns the keys and evaluations of what is finished."""

    def close(self) -> None:
        """Stop all training."""


def unwatched(candidate: Candidate, epochs: float) -> None:
    """A watcher that ignores what it is told; the default of the executors.

    Args:
        candidate: The candidate in training.
        epochs: Epochs done, parts of one included.
    """


class InProcess:
    """One candidate at a time, in this process.

    Args:
        evaluate: Function that trains and scores a candidate.
        watch: Called with the candidate and the epochs done, as the training goes on.
    """

    workers = 1

    def __init__(self, evaluate: Evaluate, watch: Watch = unwatched) -> None:
        self.evaluate, self.watch = evaluate, watch
        self._waiting: list[tuple[str, Candidate]] = []

    @property
    def running(self) -> list[str]:
        """The key of the candidate that `wait` will train."""
        return [key for key, _ in self._waiting]

    @property
    def free(self) -> int:
        """1 if no candidate waits, else 0."""
        return 0 if self._waiting else 1

    def submit(self, key: str, candidate: Candidate) -> None:
        """Keep the candidate for `wait`.

        Args:
            key: Name of the candidate's result.
            candidate: The candidate to train.
        """
        self._waiting.append((key, candidate))

    def cancel(self, key: str) -> None:
        """Forget the candidate, if it still waits."""
        self._waiting = [one for one in self._waiting if one[0] != key]

    def wait(self) -> list[tuple[str, Evaluation]]:
        """Train what was submitted; returns its key and evaluation."""
        done = [(key, self.evaluate(candidate, partial(self.watch, candidate))) for key, candidate in self._waiting]
        self._waiting = []
        return done

    def close(self) -> None:
        """Do nothing: nothing is in training between the calls."""


class _Worker(NamedTuple):
    process: multiprocessing.process.BaseProcess
    connection: Connection
    key: str
    candidate: Candidate | None


class Processes:
    """A candidate for each of several processes. One that dies is replaced and its candidate goes on from its checkpoint.

    Args:
        evaluate: Function that trains and scores a candidate; it is pickled.
        workers: Number of processes; they share the GPUs of this machine out.
        watch: Called with each candidate and the epochs done, as its training goes on.
    """

    def __init__(self, evaluate: Evaluate, workers: int, watch: Watch = unwatched) -> None:
        self.workers, self.evaluate, self.watch = workers, evaluate, watch
        methods = multiprocessing.get_all_start_methods()
        self._context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        self._context.set_forkserver_preload(["facenas.search.evaluator"])
        self._workers: list[_Worker] = []  # begun when they are needed
        self._losses: dict[str, int] = {}

    @property
    def running(self) -> list[str]:
        """Keys of the candidates in training."""
        return [worker.key for worker in self._workers if worker.candidate]

    @property
    def free(self) -> int:
        """Processes without work."""
        return self.workers - sum(bool(worker.key) for worker in self._workers)

    def submit(self, key: str, candidate: Candidate) -> None:
        """Hand the candidate to a free process.

        Args:
            key: Name of the candidate's result.
            candidate: The candidate to train.
        """
        idle = [index for index, worker in enumerate(self._workers) if not worker.key]
        if not idle:
            idle = [len(self._workers)]
            self._workers.append(self._start(idle[0]))
        self._hand(idle[0], key, candidate)

    def cancel(self, key: str) -> None:
        """Tell the candidate's process to stop at the next step."""
        for index, worker in enumerate(self._workers):
            if worker.key == key and worker.candidate:
                self._workers[index] = worker._replace(candidate=None)  # busy until it answers
                _send(worker.connection, None)

    def wait(self) -> list[tuple[str, Evaluation]]:
        """Block until a process has finished, was stopped or was lost; returns the keys and evaluations of what is finished."""
        done: list[tuple[str, Evaluation]] = []
        changed = False
        while not changed:
            ready = wait([worker.connection for worker in self._workers])
            for index, worker in enumerate(self._workers):
                if worker.connection in ready:
                    changed |= self._hear(index, worker, done)
        return done

    def close(self) -> None:
        """Kill the processes; their checkpoints are whole."""
        for worker in self._workers:
            worker.process.kill()
            worker.process.join()
            worker.connection.close()

    def _hear(self, index: int, worker: _Worker, done: list[tuple[str, Evaluation]]) -> bool:
        """Take one message; whether the process is free or lost now."""
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            self._replace(index, worker)
            return True
        if isinstance(message, float):
            if worker.candidate:
                self.watch(worker.candidate, message)
            return False
        self._workers[index] = worker._replace(key="", candidate=None)
        if isinstance(message, BaseException):
            raise message
        if message is not None:
            done.append((worker.key, message))
        return True

    def _replace(self, index: int, lost: _Worker) -> None:
        lost.process.join()
        lost.connection.close()
        self._workers[index] = self._start(index)
        if lost.candidate:
            self._losses[lost.key] = self._losses.get(lost.key, 0) + 1
            if self._losses[lost.key] == MOST_LOSSES:
                raise RunError(
                    f"{MOST_LOSSES} worker processes died (last exit code {lost.process.exitcode}) on depth "
                    f"{lost.candidate.architecture.depth}, width {lost.candidate.architecture.width}; out of memory? use fewer --workers"
                )
            self._hand(index, lost.key, lost.candidate)

    def _start(self, index: int) -> _Worker:
        here, there = self._context.Pipe()
        process = self._context.Process(target=_work, args=(there, self.evaluate, index), daemon=True)
        process.start()
        there.close()
        return _Worker(process, here, "", None)

    def _hand(self, index: int, key: str, candidate: Candidate) -> None:
        self._workers[index] = self._workers[index]._replace(key=key, candidate=candidate)
        _send(self._workers[index].connection, candidate)


class _StoppedError(Exception):
    """The candidate in training is no longer wanted."""


def _work(connection: Connection, evaluate: Evaluate, index: int) -> None:
    """The life of a worker process: it ends when the other end of its connection does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    if torch.cuda.device_count() > 1:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(index % torch.cuda.device_count())
    told = 0.0

    def progress(epochs: float) -> None:
        nonlocal told
        if connection.poll():
            connection.recv()  # EOFError where the parent is gone
            raise _StoppedError
        if time.monotonic() - told > REPORT_SECONDS:
            told = time.monotonic()
            connection.send(float(epochs))

    while True:
        try:
            candidate = connection.recv()
            if candidate is None:
                continue  # a stop that came when all was done
            connection.send(evaluate(candidate, progress))
        except _StoppedError:
            connection.send(None)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return
        except Exception as error:  # the parent raises it
            connection.send(error)


def _send(connection: Connection, message: Candidate | None) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # it has died: `wait` will notice
        connection.send(message)
