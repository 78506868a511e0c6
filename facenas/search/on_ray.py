"""Candidates on a Ray cluster: one task each; Ray schedules them and repeats those of a lost worker or node."""

import logging
from typing import Any

from facenas.errors import RunError
from facenas.score import Evaluation
from facenas.search.candidate import Candidate
from facenas.search.executors import Evaluate, Watch, unwatched

RETRIES = 10
POLL_SECONDS = 0.2


class OnRay:
    """Trains candidates as Ray tasks.

    Args:
        evaluate: Function that trains and scores a candidate; it is pickled.
        workers: Most tasks at once.
        watch: Called with each candidate and the epochs done, as its training goes on.
        address: Address of a running cluster, "auto" for the one of this machine; None: begin a local one for this run.
        threads: CPUs of one task.
        gpus: GPUs of one task; a fraction shares one.

    Raises:
        RunError: If Ray is not installed or the cluster does not answer.
    """

    def __init__(
        self, evaluate: Evaluate, workers: int, watch: Watch = unwatched, *, address: str | None = None, threads: int = 1, gpus: float = 0
    ) -> None:
        try:
            import ray
            from ray.util.queue import Queue
        except ImportError:
            raise RunError("Ray is not installed; run `pip install 'facenas[ray]'`") from None
        self.workers, self.watch, self._ray = workers, watch, ray
        local: dict[str, Any] = {} if address else {"num_cpus": max(1, workers * threads), "include_dashboard": False}
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **local)
        except (ConnectionError, ValueError) as error:
            raise RunError(f"no Ray cluster at {address}: {' '.join(str(error).split())[:150]}") from None
        self._told = Queue(actor_options={"num_cpus": 0})
        self._task = ray.remote(num_cpus=threads, num_gpus=gpus, max_retries=RETRIES)(_train)
        self._evaluate = ray.put(evaluate)
        self._tasks: dict[Any, tuple[str, Candidate]] = {}

    @property
    def running(self) -> list[str]:
        """Keys of the candidates that Ray has."""
        return [key for key, _ in self._tasks.values()]

    @property
    def free(self) -> int:
        """Tasks that may be added."""
        return self.workers - len(self._tasks)

    def submit(self, key: str, candidate: Candidate) -> None:
        """Hand a task to Ray.

        Args:
            key: Name of the candidate's result.
            candidate: The candidate to train.
        """
        self._tasks[self._task.remote(self._evaluate, candidate, self._told)] = (key, candidate)

    def cancel(self, key: str) -> None:
        """Kill the task of a candidate."""
        for task in [task for task, (name, _) in self._tasks.items() if name == key]:
            self._ray.cancel(task, force=True)
            del self._tasks[task]

    def wait(self) -> list[tuple[str, Evaluation]]:
        """Block until a task is finished; returns the keys and evaluations of what is."""
        finished: list[Any] = []
        while not finished:
            finished, _ = self._ray.wait(list(self._tasks), timeout=POLL_SECONDS)
            for candidate, epochs in self._told.get_nowait_batch(self._told.qsize()):
                self.watch(candidate, epochs)
        return [(self._tasks[task][0], self._result(task)) for task in finished]

    def close(self) -> None:
        """Leave the cluster; tasks of this run end."""
        self._ray.shutdown()

    def _result(self, task: Any) -> Evaluation:
        _, candidate = self._tasks.pop(task)
        try:
            evaluation: Evaluation = self._ray.get(task)
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except self._ray.exceptions.RayError as error:
            shape = f"depth {candidate.architecture.depth}, width {candidate.architecture.width}"
            raise RunError(f"Ray gave up on {shape}: {' '.join(str(error).split())[:150]}") from None
        return evaluation


def _train(evaluate: Evaluate, candidate: Candidate, told: Any) -> Evaluation:
    """One task: `told` hears of whole epochs."""
    last = 0

    def progress(epochs: float) -> None:
        nonlocal last
        if int(epochs) > last:
            last = int(epochs)
            told.put_nowait((candidate, float(last)))

    return evaluate(candidate, progress)
