"""A chart of marks and lines, as SVG that follows the page's colours."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from markupsafe import Markup

from facenas.report.axes import Axis
from facenas.report.svg import picture, polyline, tag

WIDTH, HEIGHT = 420, 280
LEFT, RIGHT, TOP, BOTTOM = 46, 408, 28, 236  # of the plot, in pixels of the drawing
Kind = Literal["accepted", "neutral", "rejected", "outside", "front", "other"]
SHAPES: dict[Kind, str] = {  # told apart without colour
    "accepted": "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z",
    "neutral": "M-3.8 -3.8h7.6v7.6h-7.6z",
    "rejected": "M-3.8 -3.8l7.6 7.6M-3.8 3.8l7.6 -7.6",
    "outside": "M-4.5 -4h9l-4.5 8z",
    "front": "M0 -5.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z",
    "other": "M-3 0a3 3 0 1 0 6 0a3 3 0 1 0 -6 0z",
}


class Mark(NamedTuple):
    """A candidate's place in a chart; where `y` is None, it is drawn at the lower edge."""

    x: float
    y: float | None
    kind: Kind
    tip: str
    name: str = ""  # written beside it, with a ring around it


class Line(NamedTuple):
    """Points joined by a line, of a kind that the style sheet knows."""

    points: Sequence[tuple[float, float]]
    kind: str
    tip: str = ""
    name: str = ""  # written at its end


def chart(title: str, x: Axis, y: Axis, *, marks: Sequence[Mark] = (), lines: Sequence[Line] = ()) -> Markup:
    """Draw a figure: axes, lines and marks, with a title above.

    Args:
        title: Title of the figure.
        x: The axis across.
        y: The axis upwards.
        marks: Candidates at their places in the units of the axes.
        lines: Lines, drawn below the marks.
    """

    def place(here: float, there: float | None) -> tuple[float, float]:
        height = 0 if there is None else y.at(there)
        return LEFT + x.at(here) * (RIGHT - LEFT), BOTTOM - min(1, max(0, height)) * (BOTTOM - TOP)

    drawn = [_line(line, [place(*point) for point in line.points]) for line in lines]
    drawn += [_mark(mark, *place(mark.x, mark.y)) for mark in sorted(marks, key=lambda mark: bool(mark.name))]
    inside = picture(WIDTH, HEIGHT, *_across(x), *_upwards(y), *drawn, label=f"{title}: {y.label} against {x.label}")
    return tag("figure", tag("figcaption", title), inside)


def legend_mark(kind: Kind) -> Markup:
    """A mark of one kind alone, for legends and tables."""
    shape = tag("path", d=SHAPES[kind], transform="translate(7 7)", class_=f"mark {kind}")
    return tag("svg", shape, viewBox="0 0 14 14", class_="key", aria_hidden="true")


def _across(axis: Axis) -> list[Markup]:
    drawn = [tag("path", d=f"M{LEFT} {BOTTOM}H{RIGHT}", class_="axis")]
    for value in axis.ticks():
        here = LEFT + axis.at(value) * (RIGHT - LEFT)
        drawn.append(tag("text", axis.text(value), x=here, y=BOTTOM + 18, text_anchor="middle"))
    return [*drawn, tag("text", axis.label, x=RIGHT, y=HEIGHT - 6, text_anchor="end", class_="label")]


def _upwards(axis: Axis) -> list[Markup]:
    drawn = []
    for value in axis.ticks():
        here = BOTTOM - axis.at(value) * (BOTTOM - TOP)
        drawn.append(tag("path", d=f"M{LEFT} {here:.1f}H{RIGHT}", class_="grid-line"))
        drawn.append(tag("text", axis.text(value), x=LEFT - 6, y=here + 4, text_anchor="end"))
    return [*drawn, tag("text", axis.label, x=2, y=13, class_="label")]


def _mark(mark: Mark, x: float, y: float) -> Markup:
    shape = tag("path", d=SHAPES[mark.kind], class_=f"mark {mark.kind}")
    ring = tag("circle", r=8.5, class_="ring") if mark.name else ""
    return tag("g", tag("title", mark.tip), ring, shape, _name(mark.name, x, y), transform=f"translate({x:.1f} {y:.1f})")


def _line(line: Line, points: Sequence[tuple[float, float]]) -> Markup:
    x, y = points[-1]
    name = tag("g", _name(line.name, x, y), transform=f"translate({x:.1f} {y:.1f})") if line.name else ""
    return tag("g", tag("title", line.tip) if line.tip else "", polyline(points, f"line {line.kind}"), name)


def _name(name: str, x: float, y: float) -> Markup | str:
    """A mark's name, written beside its place on the side and at the height where there is room."""
    anchor, shift = ("end", -12) if x > (LEFT + RIGHT) / 2 else ("start", 12)
    return tag("text", name, x=shift, y=14 if y < TOP + 10 else -8, text_anchor=anchor, class_="name") if name else ""
