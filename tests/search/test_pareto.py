"""Pareto fronts against the definition."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from facenas.backbones import PlainSpace
from facenas.search import Candidate, Row, Score, Verdict
from facenas.search.candidate import Phase
from facenas.search.pareto import COSTS, Cost, pareto, pareto_front
from facenas.training.fit import Evaluation

SPACE = PlainSpace()


def make_row(
    step: int, correct: int, *, cost: int = 1, total: int = 3, latency_ms: float | None = None, depth: int = 5, phase: Phase = "random",
    diverged: bool = False, refused: bool = False,
) -> Row:  # fmt: skip
    score = Score(correct=correct, total=total, refused=refused)
    return Row(
        step=step,
        candidate=Candidate(architecture=SPACE.start(depth=depth, width=8), epochs=1, phase=phase),
        evaluation=Evaluation(score=score, history=(), seconds=1, device="cpu", diverged=diverged),
        verdict=Verdict(outcome="neutral", reason="a test"),
        parameters=cost,
        macs=10 - cost,
        latency_ms=latency_ms,
    )


@st.composite
def some_rows(draw: st.DrawFn) -> list[Row]:
    small = st.integers(1, 4)
    return [
        make_row(
            step, draw(st.integers(0, total)), total=total, cost=draw(small), depth=draw(st.integers(3, 5)), diverged=draw(st.booleans()),
            refused=draw(st.booleans()), latency_ms=draw(st.none() | small.map(float)), phase=draw(st.sampled_from(["random", "kernels"])),
        )
        for step, total in enumerate(draw(st.lists(small, max_size=12)))
    ]  # fmt: skip


def by_definition(rows: list[Row], cost: Cost) -> list[Row]:
    """Every pair compared; of one architecture at one point the first."""
    points = {
        row.step: (row.evaluation.score.accuracy, getattr(row, cost))
        for row in rows
        if not row.evaluation.diverged and not row.evaluation.score.refused and getattr(row, cost) is not None
    }

    def dominated(step: int) -> bool:
        score, price = points[step]
        return any(s >= score and p <= price and (s, p) != (score, price) for s, p in points.values())

    front: dict[object, Row] = {}
    for row in rows:
        if row.step in points and not dominated(row.step):
            front.setdefault((row.candidate.architecture, points[row.step]), row)
    return sorted(front.values(), key=lambda row: (getattr(row, cost), row.step))


@given(some_rows(), st.sampled_from(COSTS))
@settings(max_examples=300, deadline=None)
def test_front_is_what_the_definition_says(rows: list[Row], cost: Cost) -> None:
    assert pareto_front(rows, cost) == by_definition(rows, cost)


def test_equal_points_stay_and_a_repeated_architecture_stays_once() -> None:
    rows = [make_row(0, 2), make_row(1, 2), make_row(2, 2, depth=6), make_row(3, 1)]
    assert [row.step for row in pareto_front(rows, "parameters")] == [0, 2]


def test_equal_fractions_of_different_totals_are_equal() -> None:
    rows = [make_row(0, 1, total=3), make_row(1, 2, total=6, depth=6)]
    assert [row.step for row in pareto_front(rows, "parameters")] == [0, 1]


def test_file_holds_fronts_per_scale_and_survives_json() -> None:
    rows = [make_row(0, 1), make_row(1, 2, cost=2), make_row(2, 3, phase="operations"), make_row(3, 3, refused=True)]
    content = pareto(rows)
    assert json.loads(json.dumps(content)) == content
    assert [row["step"] for row in content["macro"]["parameters"]] == [0, 1]
    assert [row["step"] for row in content["macro"]["macs"]] == [1]
    assert [row["step"] for row in content["micro"]["parameters"]] == [2]
    assert set(content["macro"]) == {"parameters", "macs"}
    row = content["macro"]["parameters"][0]
    assert set(row) == {"step", "architecture", "identity", "parameters", "macs", "correct", "total"}


def test_latency_is_there_once_it_was_measured() -> None:
    content = pareto([make_row(0, 1), make_row(1, 1, latency_ms=2.5)])
    assert [row["latency_ms"] for row in content["macro"]["latency_ms"]] == [2.5]
    assert content["micro"] == {"parameters": [], "macs": [], "latency_ms": []}
    assert pareto([]) == {scale: {"parameters": [], "macs": []} for scale in ("macro", "micro")}
