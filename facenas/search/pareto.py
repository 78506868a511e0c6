"""Pareto fronts: the candidates that no other candidate beats in both score and cost."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Literal, get_args

from facenas.search.row import SCALES, Row

Cost = Literal["parameters", "macs", "latency_ms"]
COSTS: tuple[Cost, ...] = get_args(Cost)


def pareto_front(rows: Sequence[Row], cost: Cost) -> list[Row]:
    """The rows that no other row dominates, from the cheapest to the dearest.

    A row dominates another if it costs no more, scores no less, and is strictly better in one of the two. Rows equal in both all
    stay, but an architecture that was tried twice stays once, as first tried. Diverged and refused rows, and rows without this
    cost, take no part.

    Args:
        rows: Candidates of one scale; scores of different scales cannot be compared.
        cost: The cost to keep low: `parameters`, `macs` or `latency_ms`.

    Source: dominance as in Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", 2002; on exact fractions.
    """
    front: dict[object, Row] = {}
    best: tuple[Fraction, float] | None = None
    for row in sorted(comparable(rows, cost), key=lambda row: (price(row, cost), -row.evaluation.score.accuracy, row.step)):
        point = (row.evaluation.score.accuracy, price(row, cost))
        if best is None or point[0] > best[0] or point == best:
            best = point
            front.setdefault((row.candidate.architecture.identity, point), row)
    return list(front.values())


def pareto(rows: Sequence[Row]) -> dict[str, Any]:
    """The content of `pareto.json`: the fronts of each scale and cost, as flat JSON; latency only where it was measured."""
    known = [cost for cost in COSTS if cost != "latency_ms" or comparable(rows, cost)]
    of_scale = {scale: [row for row in rows if row.scale == scale] for scale in SCALES}
    return {scale: {cost: [_plain(row) for row in pareto_front(some, cost)] for cost in known} for scale, some in of_scale.items()}


def comparable(rows: Sequence[Row], cost: Cost) -> list[Row]:
    """The rows that were trained to a score and have this cost.

    Args:
        rows: Rows of a journal.
        cost: The cost that they must have; latency is not always measured.
    """
    return [
        row
        for row in rows
        if not (row.evaluation.diverged or row.evaluation.score.refused) and (cost != "latency_ms" or row.latency_ms is not None)
    ]


def price(row: Row, cost: Cost) -> float:
    """The cost of a row's network.

    Args:
        row: A row that has this cost.
        cost: Which cost: `parameters`, `macs` or `latency_ms` (milliseconds).
    """
    value: float = getattr(row, cost)
    return value


def _plain(row: Row) -> dict[str, Any]:
    flat = row.plain()
    keys = ("step", "architecture", "identity", "parameters", "macs", "latency_ms", "correct", "total")
    return {key: flat[key] for key in keys if flat[key] is not None}
