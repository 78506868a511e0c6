"""Rows and numbers as people read them."""

from collections.abc import Sequence
from itertools import pairwise

from facenas.backbones import Architecture
from facenas.eval.confidence import wilson
from facenas.score import Score
from facenas.search.row import Row

UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def amount(value: float) -> str:
    """Three digits and a unit: 309 k, 1.23 M."""
    size, unit = next(((size, unit) for size, unit in UNITS if abs(value) >= 0.9995 * size), (1, ""))
    return f"{value / size:.3g} {unit}".strip()


def points(row: Row) -> float:
    """Accuracy in percent."""
    return float(100 * row.evaluation.score.accuracy)


def score(row: Row) -> str:
    """Accuracy with its counts."""
    return f"{points(row):.2f} % ({row.evaluation.score.correct:,} / {row.evaluation.score.total:,})"


def failed(row: Row) -> str:
    """Why a candidate has no score, in a word; empty if it has one."""
    if row.evaluation.score.refused:
        return "refused"
    return "diverged" if row.evaluation.diverged else ""


def duration(seconds: float) -> str:
    """In the unit that fits."""
    unit, size = ("h", 3600) if seconds >= 5400 else ("min", 60) if seconds >= 90 else ("s", 1)
    return f"{seconds / size:.1f} {unit}" if size > 1 else f"{seconds:.0f} s"


def reason(row: Row) -> str:
    """The comparison behind a verdict, or the limit that was exceeded."""
    return ": ".join(part for part in (row.verdict.reason, row.evaluation.remark) if part)


def tip(row: Row) -> str:
    """A row as a sentence."""
    architecture, latency = row.candidate.architecture, "" if row.latency_ms is None else f", {row.latency_ms:.2f} ms"
    return (
        f"{row.step + 1}. {row.candidate.phase}: depth {architecture.depth}, width {architecture.width}, {row.candidate.epochs} epochs, "
        f"{row.parameters:,} parameters, {row.macs:,} MACs{latency}: {failed(row) or score(row)}; {row.verdict.outcome}: {reason(row)}"
    )


def changed(architecture: Architecture) -> int:
    """Positions that differ from the network's usual operation or from 3x3."""
    usual = max(sorted(set(architecture.operations)), key=architecture.operations.count)
    return sum((kind, kernel) != (usual, 3) for kind, kernel in zip(architecture.operations, architecture.kernels, strict=True))


def epochs_each(rows: Sequence[Row]) -> str:
    """How long the candidates were trained: 10 to 58 epochs."""
    least, most = (pick(row.candidate.epochs for row in rows) for pick in (min, max))
    return f"{least} to {most} epochs" if most > least else f"{most} epoch{'s' * (most > 1)}"


def stairs(corners: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points between the corners, so that each height holds until the next one."""
    return [*corners[:1], *(point for (_, low), (x, high) in pairwise(corners) for point in ((x, low), (x, high)))]


def interval(score: Score) -> str:
    """Where the accuracy lies with 95 % confidence, as far as the chance choice of items goes."""
    low, high = wilson(score.correct, score.total)
    return f"{100 * low:.1f} to {100 * high:.1f} %"
