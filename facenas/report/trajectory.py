"""The way of a search: accuracy against depth, width and position, or against the candidate's number."""

from collections.abc import Sequence
from itertools import accumulate

from markupsafe import Markup

from facenas.backbones import Architecture
from facenas.report.axes import around
from facenas.report.charts import Line, chart
from facenas.report.scores import Names, Place, score_axis, score_marks
from facenas.report.words import failed, points, stairs
from facenas.search.row import SCALES, Row

PANELS = {"grow": "grow", "prune": "prune", "baseline": "prune", "operations": "operations", "kernels": "kernels"}


def trajectory(rows: Sequence[Row], names: Names, *, part: str = "layer") -> list[Markup]:
    """Draw the way of a search in one panel for each phase; a panel begins where the one before it ended.

    Each has a score axis of its own: phases train for different numbers of epochs.

    Args:
        rows: All candidates.
        names: Text that is written beside some candidates, by the candidate's step.
        part: Word for a position of an architecture, such as `layer`.
    """
    phases: dict[str, list[Row]] = {panel: [] for panel in (*PANELS.values(), "others")}
    for row in rows:
        phases[PANELS.get(row.candidate.phase, "others")].append(row)
    grow, prune, operations, kernels = (phases[name] for name in ("grow", "prune", "operations", "kernels"))
    before_prune, before_kernels = _last_accepted(grow), _last_accepted(operations)
    panels = [
        _panel("Grow: score against depth", "layers", _depths(grow), names),
        _panel("Prune: score against width", "channels", _widths(before_prune + prune) if prune else [], names, falling=True),
        _panel("Operations: another one at one position", f"{part} (0: the start)", _numbered(operations), names),
        _panel(
            "Kernels: another size at one position", f"{part} (0: the start)", _numbered(before_kernels + kernels) if kernels else [], names
        ),
        *(_best_so_far([row for row in phases["others"] if row.scale == scale], names) for scale in SCALES),
    ]
    return [panel for panel in panels if panel]


def _panel(title: str, label: str, places: Sequence[Place], names: Names, *, falling: bool = False) -> Markup:
    accepted = [(x, points(row)) for row, x in places if row.verdict.outcome == "accepted" and not failed(row)]
    return _scores(title, label, places, names, accepted, falling=falling)


def _best_so_far(rows: Sequence[Row], names: Names) -> Markup:
    known = [row for row in rows if not failed(row)]
    best = stairs([(row.step + 1, score) for row, score in zip(known, accumulate(map(points, known), max), strict=True)])
    return _scores("Score of each candidate, and the best so far", "candidate", [(row, row.step + 1) for row in rows], names, best)


def _scores(
    title: str, label: str, places: Sequence[Place], names: Names, best: Sequence[tuple[float, float]], *, falling: bool = False
) -> Markup:
    if not places:
        return Markup()
    marks = score_marks(places, names, [row.verdict.outcome for row, _ in places])
    across = around([x for _, x in places], label, whole=True, falling=falling)
    return chart(title, across, score_axis(marks), marks=marks, lines=[Line(best, "best")] if best else [])


def _depths(rows: Sequence[Row]) -> list[Place]:
    return [(row, row.candidate.architecture.depth) for row in rows]


def _widths(rows: Sequence[Row]) -> list[Place]:
    return [(row, row.candidate.architecture.width) for row in rows]


def _numbered(rows: Sequence[Row]) -> list[Place]:
    """Candidates of a phase that changes one position after the other, each at that position; the first one, the start, is at 0."""
    places, best = list[Place](), None
    for row in rows:
        architecture = row.candidate.architecture
        before = places[-1][1] if places else -1
        places.append((row, _changed(best, architecture) if best else 0))
        if places[-1][1] < 0:  # nothing has changed
            places[-1] = (row, before + 1)
        best = architecture if best is None or row.verdict.outcome == "accepted" else best
    return places


def _changed(best: Architecture, other: Architecture) -> int:
    """The position, from 1, at which two architectures differ; -1 if they differ at none."""
    pairs = zip(zip(best.operations, best.kernels, strict=True), zip(other.operations, other.kernels, strict=True), strict=True)
    return next((position for position, (one, another) in enumerate(pairs, 1) if one != another), -1)


def _last_accepted(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.verdict.outcome == "accepted"][-1:]
