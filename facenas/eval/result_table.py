"""A result as a table for people."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from facenas.words import percent


class ResultTable(NamedTuple):
    """A result as a table of texts.

    Attributes:
        columns: Headings of the columns.
        rows: Texts, as many in each as there are columns.
        title: What stands above the table, if anything.
        caption: What stands below it.
    """

    columns: list[str]
    rows: list[list[str]]
    title: str = ""
    caption: str = ""


def table_of(result: Any, title: str, others: Mapping[str, Any] = {}) -> ResultTable:
    """The table of a result: as it lays it out itself, or each of its figures in a row.

    Args:
        result: A dataclass of plain values; rates are fractions.
        title: Name of the benchmark.
        others: Results of other recognisers on the same questions, by their names.
    """
    if hasattr(result, "rows"):
        own: ResultTable = result.rows(title, others)
        return own
    parts = {key: value if isinstance(value, dict) else {"": value} for key, value in asdict(result).items()}
    return ResultTable([title, ""], [[f"{key} {at}".strip(), _told(value)] for key, part in parts.items() for at, value in part.items()])


def _told(value: Any) -> str:
    return percent(value) if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
