"""SVG elements as escaped markup."""

from collections.abc import Sequence

from markupsafe import Markup, escape


def tag(name: str, *children: str, **attributes: object) -> Markup:
    """An element; children and values are escaped unless they are markup, numbers are rounded to a tenth.

    A trailing underscore of a keyword is dropped and the others become hyphens: `class_`, `text_anchor`.
    """
    written = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(_short(value))}"' for key, value in attributes.items())
    inside = "".join(str(escape(child)) for child in children)
    return Markup(f"<{name}{written}>{inside}</{name}>")  # every part is escaped above


def polyline(points: Sequence[tuple[float, float]], kind: str) -> Markup:
    """A line through points in pixels; a single point becomes a dot."""
    steps = [f"{_short(x)} {_short(y)}" for x, y in points]
    return tag("path", d=f"M{'L'.join(steps)}" + ("h.01" if len(points) == 1 else ""), class_=kind)


def picture(width: float, height: float, *children: str, label: str, kind: str = "chart") -> Markup:
    """A drawing that scales with its container and tells screen readers what it is."""
    return tag("svg", *children, viewBox=f"0 0 {_short(width)} {_short(height)}", role="img", aria_label=label, class_=kind)


def _short(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
