"""Scores of candidates as marks on an axis in percent."""

from collections.abc import Sequence
from statistics import median

from facenas.report.axes import Axis, around
from facenas.report.charts import Kind, Mark
from facenas.report.words import failed, points, tip
from facenas.search.row import Row

Names = dict[int, str]  # what is written beside the candidate of a step
Place = tuple[Row, float]  # a candidate and where it lies across


def score_marks(places: Sequence[Place], names: Names, kinds: Sequence[Kind]) -> list[Mark]:
    """Make a mark for each candidate; one without a score, or with less than half of the median, is outside, not to squeeze the others.

    Args:
        places: Candidates, each with its place across.
        names: Text that is written beside some candidates, by the candidate's step.
        kinds: Kind of each mark.
    """
    scored = [points(row) for row, _ in places if not failed(row)]
    floor = median(scored) / 2 if scored else 0

    def mark(row: Row, x: float, kind: Kind) -> Mark:
        outside = bool(failed(row)) or points(row) < floor
        return Mark(x, None if outside else points(row), "outside" if outside else kind, tip(row), names.get(row.step, ""))

    return [mark(row, x, kind) for (row, x), kind in zip(places, kinds, strict=True)]


def percent_axis(values: Sequence[float], label: str = "score, %") -> Axis:
    """An axis around percentages that stays between 0 and 100.

    Args:
        values: The percentages to show; where there are none, the axis goes from 0 to 100.
        label: Name of what is measured, with its unit.
    """
    axis = around(values or (0, 100), label)
    return Axis(label, max(0, axis.low), min(100, axis.high))


def score_axis(marks: Sequence[Mark]) -> Axis:
    """An axis around the scores of all marks that are not outside."""
    return percent_axis([mark.y for mark in marks if mark.y is not None])
