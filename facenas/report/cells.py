"""Cells as graphs, at the epochs of a search at which they changed; what they are, their space says.

Source: AllegroNAS, figure 5; Liu et al., "DARTS: differentiable architecture search", 2019, figures 4 and 5.
"""

from collections.abc import Sequence

from markupsafe import Markup

from facenas.backbones import Architecture, NetworkSection
from facenas.backbones.drawing import Graph
from facenas.report.drawing import palette
from facenas.report.svg import picture, tag
from facenas.search.row import StageEpoch

MOST = 6  # graphs of a cell
WIDTH, HEIGHT, RADIUS = 640, 190, 13  # pixels
CHIP = (34, 15)  # pixels: width and height of an operator's name


def cells_over_time(rows: Sequence[StageEpoch], space: NetworkSection) -> list[tuple[str, Markup]]:
    """Draw the cells of a search at the epochs at which they changed.

    Args:
        rows: Epochs of a stage that trains shared weights.
        space: The search space, which says what its cells are.

    Returns:
        Title and drawing of each cell in turn; empty for a space that draws none.
    """
    found = [(row.number, Architecture.model_validate(row.facts["likeliest"])) for row in rows if "likeliest" in row.facts]
    drawn = [(epoch, space.graphs(architecture)) for epoch, architecture in found]
    made = list[tuple[str, Markup]]()
    for cell in range(len(drawn[0][1]) if drawn else 0):
        changed = [(epoch, graphs[cell]) for at, (epoch, graphs) in enumerate(drawn) if not at or graphs[cell] != drawn[at - 1][1][cell]]
        for epoch, one in _spread(changed):
            made.append((f"{one.name}, from epoch {epoch}", graph(one, palette(space, [edge.kind for edge in one.edges]))))
    return made


def _spread(changes: list[tuple[int, Graph]]) -> list[tuple[int, Graph]]:
    """The first and the last of many changes, and some evenly between."""
    if len(changes) <= MOST:
        return changes
    return [changes[round(at * (len(changes) - 1) / (MOST - 1))] for at in range(MOST)]


def graph(cell: Graph, classes: dict[str, str]) -> Markup:
    """Draw a cell: its inputs at the left, nodes to the right, an operator on each edge; all nodes together are its output.

    Args:
        cell: The inputs, nodes and edges.
        classes: The style sheet's class for each kind of operator.
    """
    places, lines, chips, said = _places(cell), list[Markup](), list[Markup](), list[str]()
    for at, edge in enumerate(cell.edges):
        (x1, y1), (x2, y2) = places[edge.source], places[len(cell.inputs) + edge.node]
        lines.append(tag("path", d=f"M{x1} {y1}L{x2} {y2}", class_="axis"))
        near = 0.62 if at % 2 else 0.45  # of the way, so that names on one line do not cover each other
        x, y, way = x1 + near * (x2 - x1), y1 + near * (y2 - y1), f"{_name(cell, edge.source)} to node {edge.node}"
        box = tag("rect", x=x - CHIP[0] / 2, y=y - CHIP[1] / 2, width=CHIP[0], height=CHIP[1], rx=3, class_=classes[edge.kind])
        text = tag("text", edge.label, x=x, y=y + 4, text_anchor="middle", class_="operator")
        chips.append(tag("g", tag("title", f"{way}: {edge.told}"), box, text))
        said.append(f"{way}: {edge.label}")
    labels = [*(short for short, _ in cell.inputs), *map(str, range(cell.nodes))]
    nodes = [
        tag("g", tag("circle", cx=x, cy=y, r=RADIUS, class_="node"), tag("text", label, x=x, y=y + 4, text_anchor="middle"))
        for label, (x, y) in zip(labels, places, strict=True)
    ]
    return picture(WIDTH, HEIGHT, *lines, *nodes, *chips, label="; ".join(said), kind="chart cell")


def _places(cell: Graph) -> list[tuple[int, int]]:
    """Centre of each input, then of each node, in pixels."""
    inputs, step = len(cell.inputs), 500 // max(cell.nodes, 1)
    heights = [50 + 90 * at // max(inputs - 1, 1) for at in range(inputs)]
    return [*((24, y) for y in heights), *((140 + step * node, 95 + (-55 if node % 2 else 45)) for node in range(cell.nodes))]


def _name(cell: Graph, source: int) -> str:
    inputs = len(cell.inputs)
    return cell.inputs[source][1] if source < inputs else f"node {source - inputs}"
