"""Both cells as graphs, at the epochs of a search at which they changed.

Source: AllegroNAS, figure 5; Liu et al., "DARTS: differentiable architecture search", 2019, figures 4 and 5.
"""

from collections.abc import Sequence

from markupsafe import Markup

from facenas.backbones import Architecture
from facenas.backbones.cell_places import NODES
from facenas.backbones.cells import half
from facenas.report.svg import picture, tag
from facenas.search.row import StageEpoch

MOST = 6  # graphs of a cell
WIDTH, HEIGHT, RADIUS = 640, 190, 13  # pixels
CHIP = (34, 15)  # pixels: width and height of an operator's name
PLACES = [(24, 50), (24, 140), *[(140 + 125 * node, 95 + (-55 if node % 2 else 45)) for node in range(NODES)]]
SHORT = {
    "sep_conv": "sep",
    "dil_conv": "dil",
    "allegro_sep_conv": "sep",
    "allegro_dil_conv": "dil",
    "max_pool": "max",
    "avg_pool": "mean",
    "skip": "skip",
}
COLOURS = {"sep": "sep", "dil": "conv", "max": "max_pool", "mean": "avg_pool", "skip": "skip"}


def cells_over_time(rows: Sequence[StageEpoch]) -> list[tuple[str, Markup]]:
    """Titles and graphs of the normal cell, then of the reduction."""
    found = [(row.number, Architecture.model_validate(row.facts["likeliest"])) for row in rows if "likeliest" in row.facts]
    if not found or found[-1][1].space != "cells":
        return []
    made = list[tuple[str, Markup]]()
    for reduction, name in ((False, "normal cell"), (True, "reduction cell")):
        changed = [
            one
            for at, one in enumerate(found)
            if not at or half(one[1], reduction=reduction) != half(found[at - 1][1], reduction=reduction)
        ]
        for epoch, architecture in _spread(changed):
            made.append((f"{name}, from epoch {epoch}", graph(architecture, reduction=reduction)))
    return made


def _spread(changes: list[tuple[int, Architecture]]) -> list[tuple[int, Architecture]]:
    """The first, the last, and some between."""
    if len(changes) <= MOST:
        return changes
    return [changes[round(at * (len(changes) - 1) / (MOST - 1))] for at in range(MOST)]


def graph(architecture: Architecture, *, reduction: bool) -> Markup:
    """A cell: the two cells before at the left, nodes to the right, an operator on each edge; all nodes together are its output."""
    edges, links = half(architecture, reduction=reduction)
    lines, chips, said = list[Markup](), list[Markup](), list[str]()
    for at, ((kind, kernel), link) in enumerate(zip(edges, links, strict=True)):
        (x1, y1), (x2, y2) = PLACES[link], PLACES[2 + at // 2]
        lines.append(tag("path", d=f"M{x1} {y1}L{x2} {y2}", class_="axis"))
        near = 0.62 if at % 2 else 0.45  # of the way, so that names on one line do not cover each other
        x, y, short = x1 + near * (x2 - x1), y1 + near * (y2 - y1), SHORT[kind]
        name = short if kind == "skip" else f"{short} {kernel}"
        colour = COLOURS[short] if kind == "skip" else f"{COLOURS[short]}{kernel}"
        box = tag("rect", x=x - CHIP[0] / 2, y=y - CHIP[1] / 2, width=CHIP[0], height=CHIP[1], rx=3, class_=colour)
        text = tag("text", name, x=x, y=y + 4, text_anchor="middle", class_="operator")
        chips.append(tag("g", tag("title", f"{_name(link)} to node {at // 2}: {kind} {kernel}x{kernel}"), box, text))
        said.append(f"{_name(link)} to node {at // 2}: {name}")
    nodes = [
        tag("g", tag("circle", cx=x, cy=y, r=RADIUS, class_="node"), tag("text", _label(place), x=x, y=y + 4, text_anchor="middle"))
        for place, (x, y) in enumerate(PLACES)
    ]
    return picture(WIDTH, HEIGHT, *lines, *nodes, *chips, label="; ".join(said), kind="chart cell")


def _name(link: int) -> str:
    return ("the cell before the last", "the last cell")[link] if link < 2 else f"node {link - 2}"


def _label(place: int) -> str:
    return ("k-2", "k-1")[place] if place < 2 else str(place - 2)
