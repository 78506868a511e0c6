"""Score against cost, with the Pareto front."""

from collections.abc import Sequence

from markupsafe import Markup

from facenas.report.axes import of_cost
from facenas.report.charts import Line, chart
from facenas.report.scores import Names, score_axis, score_marks
from facenas.report.words import amount, points, stairs
from facenas.search.pareto import Cost, comparable, pareto_front, price
from facenas.search.row import Row

LABELS: dict[Cost, tuple[str, str]] = {
    "parameters": ("Score against parameters", "parameters"),
    "macs": ("Score against multiply-accumulates", "MACs for one image"),
    "latency_ms": ("Score against latency", "ms for one image"),
}


def fronts(rows: Sequence[Row], names: Names) -> list[Markup]:
    """Draw score against each known cost, with the Pareto front, one figure a cost.

    Args:
        rows: Candidates of one scale.
        names: Text that is written beside some candidates, by the candidate's step.
    """
    return [_front(cost, known, names) for cost in LABELS if (known := comparable(rows, cost))]


def _front(cost: Cost, rows: Sequence[Row], names: Names) -> Markup:
    front, (title, label) = pareto_front(rows, cost), LABELS[cost]
    best = {row.step for row in front}
    ordered = sorted(rows, key=lambda row: row.step in best)  # the front is drawn last, on top
    places = [(row, price(row, cost)) for row in ordered]
    marks = score_marks(places, names, ["front" if row.step in best else "other" for row in ordered])
    line = Line(stairs([(price(row, cost), points(row)) for row in front]), "front")
    return chart(title, of_cost([x for _, x in places], label, amount), score_axis(marks), marks=marks, lines=[line])
