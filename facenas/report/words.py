"""Rows and numbers as people read them."""

from collections.abc import Sequence
from itertools import pairwise

from facenas.backbones import Architecture
from facenas.eval.confidence import wilson
from facenas.score import Score
from facenas.search.row import Row

UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def amount(value: float) -> str:
    """A number with three digits and a unit: 309 k, 1.23 M."""
    size, unit = next(((size, unit) for size, unit in UNITS if abs(value) >= 0.9995 * size), (1, ""))
    return f"{value / size:.3g} {unit}".strip()


def points(row: Row) -> float:
    """The accuracy of a candidate in percent."""
    return float(100 * row.evaluation.score.accuracy)


def score(row: Row) -> str:
    """The accuracy of a candidate in percent, with the counts that it is made of."""
    return f"{points(row):.2f} % ({row.evaluation.score.correct:,} / {row.evaluation.score.total:,})"


def failed(row: Row) -> str:
    """The reason, in a word, why a candidate has no score; empty if it has one."""
    if row.evaluation.score.refused:
        return "refused"
    return "diverged" if row.evaluation.diverged else ""


def duration(seconds: float) -> str:
    """A time in seconds, minutes or hours, whichever fits."""
    unit, size = ("h", 3600) if seconds >= 5400 else ("min", 60) if seconds >= 90 else ("s", 1)
    return f"{seconds / size:.1f} {unit}" if size > 1 else f"{seconds:.0f} s"


def reason(row: Row) -> str:
    """The comparison behind a candidate's verdict, or the limit that was exceeded."""
    return ": ".join(part for part in (row.verdict.reason, row.evaluation.remark) if part)


def tip(row: Row) -> str:
    """A candidate as a sentence, for tooltips."""
    architecture, latency = row.candidate.architecture, "" if row.latency_ms is None else f", {row.latency_ms:.2f} ms"
    return (
        f"{row.step + 1}. {row.candidate.phase}: depth {architecture.depth}, width {architecture.width}, {row.candidate.epochs} epochs, "
        f"{row.parameters:,} parameters, {row.macs:,} MACs{latency}: {failed(row) or score(row)}; {row.verdict.outcome}: {reason(row)}"
    )


def changed(architecture: Architecture) -> int:
    """The number of positions at which an architecture differs from its most frequent operation, or from a kernel of 3x3."""
    usual = max(sorted(set(architecture.operations)), key=architecture.operations.count)
    return sum((kind, kernel) != (usual, 3) for kind, kernel in zip(architecture.operations, architecture.kernels, strict=True))


def epochs_each(rows: Sequence[Row]) -> str:
    """For how many epochs the candidates were trained, in words: 10 to 58 epochs."""
    least, most = (pick(row.candidate.epochs for row in rows) for pick in (min, max))
    return f"{least} to {most} epochs" if most > least else f"{most} epoch{'s' * (most > 1)}"


def stairs(corners: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points of a line that keeps each corner's height until the next corner."""
    return [*corners[:1], *(point for (_, low), (x, high) in pairwise(corners) for point in ((x, low), (x, high)))]


def interval(score: Score) -> str:
    """The range that holds the accuracy with 95 % confidence, as far as the chance choice of items goes."""
    low, high = wilson(score.correct, score.total)
    return f"{100 * low:.1f} to {100 * high:.1f} %"
