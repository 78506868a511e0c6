"""Models side by side on face benchmarks: one page that needs nothing else, and its pictures."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facenas.eval.benchmark import Curve
from facenas.eval.published import BENCHMARKS, PUBLISHED
from facenas.report.environment import templates
from facenas.report.plots import cmc_picture, roc_picture

DRAW = {"roc": roc_picture, "cmc": cmc_picture}
TITLES = {"roc": "ROC", "cmc": "CMC"}


@dataclass(frozen=True)
class ComparedModels:
    """The results of all compared models on one benchmark.

    Attributes:
        name: Name of the benchmark.
        rates: Headline figures of each model, fractions.
        curves: Curves of each model, by the curve's name.
        reports: The whole result of each model.
        differences: Differences between the first model's rates and each other model's, on the same questions.
    """

    name: str
    rates: Mapping[str, Mapping[str, float]]
    curves: Mapping[str, Mapping[str, Curve]]
    reports: Mapping[str, Mapping[str, Any]]
    differences: Sequence[Mapping[str, Any]] = ()

    @property
    def sentences(self) -> list[str]:
        """The differences between the models as sentences."""
        return [
            f"{self.name}: the {one['rate']} of {one['first']} differs from that of {one['second']} by {100 * one['value']:+.2f} points "
            f"(95 % interval {100 * one['low']:+.2f} to {100 * one['high']:+.2f}, p = {one['p']:.3f})"
            for one in self.differences
        ]


def table(compared: Sequence[ComparedModels]) -> tuple[list[str], list[list[str]], list[list[str]]]:
    """The comparison as a table.

    Returns:
        Names of the columns; a row for each model; a row for each network of the paper that was measured on any of these columns.
    """
    columns = list(dict.fromkeys(f"{one.name}{part}" for one in compared for rates in one.rates.values() for part in rates))
    models = list(dict.fromkeys(model for one in compared for model in one.rates))
    measured = {
        model: {f"{one.name}{part}": rate for one in compared for part, rate in one.rates.get(model, {}).items()} for model in models
    }
    rows = [[model, *(_percent(measured[model].get(column)) for column in columns)] for model in models]
    if not set(columns) & set(BENCHMARKS):
        return columns, rows, []
    return columns, rows, [[f"{row.method} (paper)", *(_percent(row.rates.get(column)) for column in columns)] for row in PUBLISHED]


def pictures(one: ComparedModels) -> dict[str, bytes]:
    """PNG pictures of a benchmark's curves, by the curve's name."""
    kinds = dict.fromkeys(kind for curves in one.curves.values() for kind in curves)
    return {
        kind: DRAW[kind](f"{TITLES[kind]}, {one.name}", {model: curves[kind] for model, curves in one.curves.items() if kind in curves})
        for kind in kinds
    }


def page(compared: Sequence[ComparedModels], drawn: Mapping[str, Mapping[str, bytes]]) -> str:
    """Make the page's HTML.

    Args:
        compared: The models on each benchmark.
        drawn: PNG pictures of each benchmark's curves, by the curve's name.
    """
    columns, rows, published = table(compared)
    benchmarks = [
        {
            "name": one.name,
            "remarks": list(dict.fromkeys(text for report in one.reports.values() for text in report.get("remarks", ()))),
            "pictures": [
                {"title": f"{TITLES[kind]}, {one.name}", "data": b64encode(data).decode()} for kind, data in drawn[one.name].items()
            ],
            "figures": json.dumps(one.reports, indent=2, ensure_ascii=False),
        }
        for one in compared
    ]
    return templates().get_template("comparison.html").render(
        models=[row[0] for row in rows], columns=columns, rows=rows, published=published, benchmarks=benchmarks,
        differences=[sentence for one in compared for sentence in one.sentences],
    )  # fmt: skip


def _percent(rate: float | None) -> str:
    return "" if rate is None else f"{100 * rate:.2f}"
