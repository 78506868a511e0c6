"""Where the pages' templates come from; they escape all that they are given."""

from jinja2 import Environment, PackageLoader, StrictUndefined


def templates() -> Environment:
    """A fresh environment."""
    return Environment(
        loader=PackageLoader("facenas", "report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
