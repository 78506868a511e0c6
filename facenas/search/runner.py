"""The runner: asks a strategy for candidates, keeps the workers busy with likely ones, writes down every verdict in plan order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from facenas.backbones import Architecture
from facenas.errors import RunError
from facenas.score import Evaluation, Score
from facenas.search.candidate import Candidate, Strategy, Verdict
from facenas.search.executors import Executor
from facenas.search.limits import Budget
from facenas.search.row import NetworkCost, Row
from facenas.search.speculation import likely_next


class Rows(Protocol):
    """What a runner needs of a journal."""

    def rows(self) -> list[Row]:
        """All rows in plan order."""

    def append(self, candidate: Candidate, evaluation: Evaluation, verdict: Verdict, price: NetworkCost) -> Row:
        """Write the next row.

        Args:
            candidate: What was trained.
            evaluation: Result of its training.
            verdict: What the strategy made of it.
            price: Cost of the candidate's network.

        Returns:
            The row as written.
        """


class Results(Protocol):
    """What a runner needs of a cache."""

    def get(self, key: str) -> Evaluation | None:
        """The finished evaluation of a name, or None."""

    def put(self, key: str, evaluation: Evaluation) -> None:
        """Keep a finished evaluation.

        Args:
            key: Name of the result.
            evaluation: The finished evaluation.
        """


@dataclass(frozen=True)
class Runner:
    """Runs a search to its end, on any number of workers with the result of one.

    Attributes:
        strategy: The algorithm.
        journal: The run's rows; what it already holds is replayed and not trained again.
        executor: Where candidates are trained.
        results: Evaluations that were computed, whether the strategy has asked for them yet or not.
        key: Function that names a candidate's result.
        price: Function that gives the cost of a network.
        refuse: Function that gives a result without training for a candidate over a limit, else None.
        budget: Where to end, whatever the strategy still wants.
        after_row: Called with every row, replayed or new.
    """

    strategy: Strategy
    journal: Rows
    executor: Executor
    results: Results
    key: Callable[[Candidate], str]
    price: Callable[[Architecture], NetworkCost]
    refuse: Callable[[Candidate], Evaluation | None] = lambda candidate: None
    budget: Budget = field(default_factory=Budget)
    after_row: Callable[[Row], None] = lambda row: None

    def run(self) -> Architecture:
        """The architecture that the strategy returns, or the last one accepted when the budget is spent.

        Raises:
            RunError: If the journal holds another candidate than the strategy asks for.
        """
        verdicts: list[Verdict] = []
        plan, replayed, rows = self.strategy.search(verdicts.append), self.journal.rows(), list[Row]()
        candidate = next(plan)
        found: Architecture | None = None
        while found is None:
            row = replayed[len(rows)] if len(rows) < len(replayed) else None
            if row and row.candidate != candidate:
                raise RunError(
                    f"row {row.step} of the journal is {_short(row.candidate)}, but the search asks for {_short(candidate)}; "
                    "the settings or the version of facenas changed: start a new run"
                )
            evaluation = row.evaluation if row else self._evaluation(candidate, rows)
            asked = candidate
            try:
                candidate = plan.send(evaluation.score)
            except StopIteration as end:
                found = end.value
            rows.append(row or self._commit(asked, evaluation, verdicts[-1]))
            self.after_row(rows[-1])
            if found is None and self.budget.spent(rows):
                found = last_accepted(rows)
                if found is None:
                    raise RunError("the budget was spent before any candidate was accepted; raise the budget or widen the limits")
        return found

    def _commit(self, candidate: Candidate, evaluation: Evaluation, verdict: Verdict) -> Row:
        if evaluation.score.refused:
            verdict = Verdict(outcome="rejected", reason=f"over a limit: {evaluation.remark}")
        return self.journal.append(candidate, evaluation, verdict, self.price(candidate.architecture))

    def _known(self, candidate: Candidate) -> Evaluation | None:
        return self.refuse(candidate) or self.results.get(self.key(candidate))

    def _evaluation(self, candidate: Candidate, rows: list[Row]) -> Evaluation:
        """The candidate's result, as soon as it is there; workers that are free meanwhile take what may come next."""
        while (evaluation := self._known(candidate)) is None:
            self._keep_busy(candidate, rows)
            for key, done in self.executor.wait():
                self.results.put(key, done)
        return evaluation

    def _keep_busy(self, head: Candidate, rows: list[Row]) -> None:
        """Start the likeliest candidates and give up the unlikely ones, the head of the line first of all."""
        workers, wanted = self.executor.workers, {self.key(head): head}
        if workers > 1:
            likely = likely_next(
                self.strategy,
                [row.candidate.phase for row in rows],
                [row.evaluation.score for row in rows],
                self._score,
                min(2 * workers, self.budget.trials_left(rows)),
            )
            wanted |= {self.key(candidate): candidate for candidate in likely}
        running = set(self.executor.running)
        for key in running - set(wanted):
            self.executor.cancel(key)
        running &= set(wanted)
        if len(running) == workers and self.key(head) not in running:
            last = max(running, key=list(wanted).index)
            self.executor.cancel(last)
            running.discard(last)
        for key in [key for key in wanted if key not in running][: min(workers - len(running), self.executor.free)]:
            self.executor.submit(key, wanted[key])

    def _score(self, candidate: Candidate) -> Score | None:
        evaluation = self._known(candidate)
        return evaluation.score if evaluation else None


def last_accepted(rows: Sequence[Row]) -> Architecture | None:
    """What a search that ends after these rows has found."""
    accepted = [row.candidate.architecture for row in rows if row.verdict.outcome == "accepted"]
    return accepted[-1] if accepted else None


def _short(candidate: Candidate) -> str:
    architecture = candidate.architecture
    return (
        f"{candidate.phase} depth {architecture.depth} width {architecture.width} for {candidate.epochs} epochs ({architecture.identity})"
    )
