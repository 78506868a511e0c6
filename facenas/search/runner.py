"""The serial runner: asks a strategy for candidates, evaluates what the journal does not know, writes down every verdict."""

from collections.abc import Callable, Sequence

from facenas.backbones import Blueprint, Space
from facenas.errors import RunError
from facenas.search.candidate import Candidate, Strategy, Verdict
from facenas.search.journal import Journal, Row
from facenas.training.fit import Evaluation
from facenas.training.score import Score

Evaluate = Callable[[Candidate, int], Evaluation]  # the candidate and its place in the plan


def run_search(
    strategy: Strategy, evaluate: Evaluate, journal: Journal, *, space: Space, after_row: Callable[[Row], None] = lambda row: None
) -> Blueprint:
    """Run a search to its end; what the journal already holds is replayed and not evaluated again.

    Args:
        strategy: The algorithm.
        evaluate: Trains and scores a candidate.
        journal: The run's rows.
        space: Where the architectures lie.
        after_row: Called with every row, replayed or new.

    Raises:
        RunError: If the journal holds another candidate than the strategy asks for.
    """
    verdicts: list[Verdict] = []
    plan = strategy.search(verdicts.append)
    known = iter(journal.rows())
    candidate = next(plan)
    while True:
        row = next(known, None)
        if row and row.candidate != candidate:
            raise RunError(
                f"row {row.step} of the journal is {_short(row.candidate)}, but the search asks for {_short(candidate)}; "
                "the settings or the version of facenas changed: start a new run"
            )
        evaluation = row.evaluation if row else evaluate(candidate, len(verdicts))
        asked, found = candidate, None
        try:
            candidate = plan.send(evaluation.score)
        except StopIteration as end:
            found = end.value
        after_row(row or journal.append(asked, evaluation, verdicts[-1], space.cost(asked.architecture)))
        if found:
            return Blueprint(architecture=found, space=space)


def forecast(strategy: Strategy, rows: Sequence[Row]) -> list[Candidate]:
    """The candidates still to come if every further score equals that of the best so far: the longest likely way.

    So a macro phase goes on to its bound, and the micro phases reject what they try.
    """
    accepted = [row.evaluation.score for row in rows if row.verdict.outcome == "accepted"]
    guess = accepted[-1] if accepted else Score(correct=0, total=1)
    plan, ahead = strategy.search(), []
    try:
        candidate = next(plan)
        for row in rows:
            candidate = plan.send(row.evaluation.score)
        while True:
            ahead.append(candidate)
            candidate = plan.send(guess)
    except StopIteration:
        return ahead


def _short(candidate: Candidate) -> str:
    architecture = candidate.architecture
    return (
        f"{candidate.phase} depth {architecture.depth} width {architecture.width} for {candidate.epochs} epochs ({architecture.identity})"
    )
