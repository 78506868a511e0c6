"""SVG elements as escaped markup."""

from collections.abc import Sequence

from markupsafe import Markup, escape


def tag(name: str, *children: str, **attributes: object) -> Markup:
    """Make an SVG element; children and values are escaped unless they are markup, numbers are rounded to a tenth.

    A trailing underscore of a keyword is dropped and the others become hyphens: `class_`, `text_anchor`.
    """
    written = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(_short(value))}"' for key, value in attributes.items())
    inside = "".join(str(escape(child)) for child in children)
    return Markup(f"<{name}{written}>{inside}</{name}>")  # every part is escaped above


def polyline(points: Sequence[tuple[float, float]], kind: str) -> Markup:
    """Draw a line through points; a single point becomes a dot.

    Args:
        points: Points (x, y) in pixels, one at least.
        kind: Class of the line in the style sheet.
    """
    steps = [f"{_short(x)} {_short(y)}" for x, y in points]
    return tag("path", d=f"M{'L'.join(steps)}" + ("h.01" if len(points) == 1 else ""), class_=kind)


def picture(width: float, height: float, *children: str, label: str, kind: str = "chart") -> Markup:
    """Put elements into a drawing that scales with its container and tells screen readers what it is.

    Args:
        width: Width of the drawing in pixels.
        height: Height of the drawing in pixels.
        label: Sentence for screen readers.
        kind: Class of the drawing in the style sheet.
        *children: Elements of the drawing.
    """
    return tag("svg", *children, viewBox=f"0 0 {_short(width)} {_short(height)}", role="img", aria_label=label, class_=kind)


def _short(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
