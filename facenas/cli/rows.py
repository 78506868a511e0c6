"""The rows of a journal as a table."""

from collections.abc import Sequence

from rich.table import Table

from facenas.report.words import changed
from facenas.search.row import Row
from facenas.words import millions, percent


def table(rows: Sequence[Row]) -> Table:
    """The rows of a journal as a table."""
    result = Table("step", "phase", "depth", "width", "changed", "epochs", "parameters", "score", "verdict", title="candidates")
    for row in rows:
        architecture, score = row.candidate.architecture, row.evaluation.score
        result.add_row(
            str(row.step + 1),
            row.candidate.phase,
            str(architecture.depth),
            str(architecture.width),
            str(changed(architecture)),
            str(row.candidate.epochs),
            millions(row.parameters),
            "refused" if score.refused else f"{score.correct} / {score.total} = {percent(float(score.accuracy))}",
            row.verdict.outcome,
        )
    return result
