"""Learning curves: what every candidate's training did, epoch by epoch."""

from collections.abc import Callable, Sequence

from markupsafe import Markup

from facenas.report.axes import around, of_cost
from facenas.report.charts import Line, chart
from facenas.report.scores import Names, percent_axis
from facenas.report.words import tip
from facenas.score import Epoch
from facenas.search.row import Row

Curve = Callable[[Epoch, Row], float | None]
STRENGTH = ("faint", "strong", "chosen")  # in the order of drawing


def learning_curves(rows: Sequence[Row], names: Names) -> list[Markup]:
    """Draw training loss, training accuracy and, where known, validation accuracy against the epoch.

    Args:
        rows: Candidates of one scale.
        names: Text that is written beside some candidates, by the candidate's step.
    """
    figures = [_figure(title, curve, rows, names) for title, curve in CURVES.items()]
    return [figure for figure in figures if figure]


def _figure(title: str, curve: Curve, rows: Sequence[Row], names: Names) -> Markup:
    lines = [line for row in rows if (line := _line(curve, row, names)).points]
    if max((len(line.points) for line in lines), default=0) < 2:
        return Markup()
    across = around([x for line in lines for x, _ in line.points], "epoch", whole=True)
    values = [y for line in lines for _, y in line.points]
    upwards = of_cost(values, "loss") if curve is _loss else percent_axis(values, "accuracy, %")
    return chart(title, across, upwards, lines=sorted(lines, key=lambda line: STRENGTH.index(line.kind)))


def _line(curve: Curve, row: Row, names: Names) -> Line:
    kind = "chosen" if row.step in names else "strong" if row.verdict.outcome == "accepted" else "faint"
    values = [(epoch.epoch, value) for epoch in row.evaluation.history if (value := curve(epoch, row)) is not None]
    return Line(values, kind, tip(row), names.get(row.step, ""))


def _loss(epoch: Epoch, row: Row) -> float:
    return epoch.loss


def _training(epoch: Epoch, row: Row) -> float:
    return 100 * epoch.correct / max(1, epoch.total)


def _validation(epoch: Epoch, row: Row) -> float | None:
    return None if epoch.validation is None else 100 * epoch.validation / row.evaluation.score.total


CURVES: dict[str, Curve] = {"Training loss": _loss, "Training accuracy": _training, "Validation accuracy": _validation}
