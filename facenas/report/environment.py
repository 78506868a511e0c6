"""Where the pages' templates come from; they escape all that they are given."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from facenas.report.drawing import OTHERS, STYLED


def templates() -> Environment:
    """A fresh Jinja environment with the pages' templates, which escapes all values."""
    made = Environment(
        loader=PackageLoader("facenas", "report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.globals.update(styled=STYLED, others=OTHERS)
    return made
