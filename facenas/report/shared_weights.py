"""The stage of shared weights: how good its paths are, and what its controller prefers, epoch by epoch."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from facenas.backbones import Architecture, Space
from facenas.backbones.drawing import in_words
from facenas.backbones.space import Refinements
from facenas.report.axes import around, of_cost
from facenas.report.cells import cells_over_time
from facenas.report.charts import Line, chart
from facenas.report.drawing import palette
from facenas.report.scores import percent_axis
from facenas.report.svg import picture, tag
from facenas.search.row import StageEpoch

LABEL, WIDTH, LINE, GAP = 150, 640, 15, 3  # pixels: of the names, of the whole, of a position, between two
OTHERS = {
    "loss": "Training loss of the paths",
    "entropy": "Entropy of an architecture",
    "macs_share": "MACs of the likeliest architecture",
    "eigenvalue": "Dominant eigenvalue of the validation Hessian",
}
UNITS = {"eigenvalue": "eigenvalue", "loss": "loss", "entropy": "nats", "macs_share": "share of the base's"}


class StageSummary(NamedTuple):
    """The parts of a search's page that tell of the stage of shared weights.

    Attributes:
        epochs: Number of finished epochs.
        likeliest: Architecture that the controller would draw now; None where it does not tell.
        curves: Charts of accuracy and other figures over the epochs.
        policy: Drawing of the operators' probabilities; empty if there are none.
        operators: Classes of the style sheet with the names of these operators.
        links: Drawing of the links' probabilities; empty if there are none.
        cells: Titles and drawings of cells; empty if the space has none.
        remark: Remark on the last epoch; empty if there is none.
    """

    epochs: int
    likeliest: Architecture | None
    curves: list[Markup]
    policy: Markup
    operators: list[tuple[str, str]]
    links: Markup
    cells: list[tuple[str, Markup]]
    remark: str


def stage(rows: Sequence[StageEpoch], space: Space) -> StageSummary | None:
    """Summarise the stage of shared weights for a search's page.

    Args:
        rows: Epochs of the stage.
        space: The search space.

    Returns:
        The summary; None without epochs.
    """
    if not rows:
        return None
    last = rows[-1].facts
    likeliest = Architecture.model_validate(last["likeliest"]) if "likeliest" in last else None
    refined = space.refinements() if last.get("operators") else None
    classes = palette(space)
    policy = _policy(rows, refined, list(classes.values())) if refined else Markup()
    operators = [(classes[f"{kind}{kernel}"], in_words(kind, kernel)) for kind, kernel in (refined.choices if refined else ())]
    links = _links(rows) if last.get("links") else Markup()
    return StageSummary(len(rows), likeliest, _curves(rows), policy, operators, links, cells_over_time(rows, space), last.get("remark", ""))


def _curves(rows: Sequence[StageEpoch]) -> list[Markup]:
    if len(rows) < 2:
        return []
    epochs = [row.number for row in rows]
    across, percent = around(epochs, "epoch", whole=True), [100 * row.facts["accuracy"] for row in rows]
    figures = [chart("Accuracy of the paths, held-out data", across, percent_axis(percent, "%"), lines=[_line(epochs, percent)])]
    for name, title in OTHERS.items():
        points = [(row.number, row.facts[name]) for row in rows if isinstance(row.facts.get(name), int | float)]
        if len(points) > 1:
            upwards = of_cost([y for _, y in points], UNITS[name])
            figures.append(chart(title, across, upwards, lines=[Line(points, "strong")]))
    return [*figures, *([_skips(rows)] if "skips" in rows[-1].facts else [])]


def _skips(rows: Sequence[StageEpoch]) -> Markup:
    """A chart of how many of the 8 edges of each cell are skips."""
    lines = [
        Line([(row.number, row.facts["skips"][cell]) for row in rows], kind, name=name)
        for cell, (kind, name) in enumerate((("strong", "normal"), ("best", "reduction")))
    ]
    across = around([row.number for row in rows], "epoch", whole=True)
    return chart("Skips among the 8 edges of a cell", across, around((0, 8), "skips", whole=True), lines=lines)


def _line(xs: Sequence[float], ys: Sequence[float]) -> Line:
    return Line(list(zip(xs, ys, strict=True)), "strong")


def _policy(rows: Sequence[StageEpoch], space: Refinements, kinds: Sequence[str]) -> Markup:
    """A drawing with a band for each position: the operators' shares are its height, epochs run from left to right."""
    positions = len(rows[0].facts["operators"])
    drawn = list[Markup]()
    for position in range(positions):
        shares = [row.facts["operators"][position] for row in rows]
        y = position * (LINE + GAP)
        best = max(range(len(kinds)), key=lambda k: shares[-1][k])
        what = f"{space.positions_per} {position + 1}"
        tip = f"{what}: {', '.join(f'{name} {100 * p:.0f} %' for name, p in zip(space.operators, shares[-1], strict=True))} in the end"
        drawn.append(tag("text", f"{what}: {space.operators[best]}", x=LABEL - 8, y=y + LINE - 3, text_anchor="end"))
        bands = [tag("path", d=_band(shares, k, y), class_=kind) for k, kind in enumerate(kinds)]
        drawn.append(tag("g", tag("title", tip), *bands))
    height = positions * (LINE + GAP)
    ends = [
        tag("text", text, x=x, y=height + 12, text_anchor=anchor)
        for text, x, anchor in (("epoch 1", LABEL, "start"), (f"epoch {len(rows)}", WIDTH, "end"))
    ]
    return picture(WIDTH, height + 18, *drawn, *ends, label="probability of each operator at each position, over the epochs")


def _band(shares: Sequence[Sequence[float]], k: int, y: float) -> str:
    """The outline of one operator's share, above those of the operators before it, as an SVG path."""
    ends = shares if len(shares) > 1 else [*shares, *shares]
    step = (WIDTH - LABEL) / (len(ends) - 1)

    def edge(upto: int) -> list[str]:
        return [f"{LABEL + i * step:.1f} {y + LINE * sum(share[:upto]) / sum(share):.1f}" for i, share in enumerate(ends)]

    return f"M{'L'.join([*edge(k), *reversed(edge(k + 1))])}z"


def _links(rows: Sequence[StageEpoch]) -> Markup:
    """A chart of the mean probability of a link over the epochs."""
    epochs = [row.number for row in rows]
    means: list[float] = [_mean(row.facts["links"]) for row in rows]
    return chart(
        "Mean probability of a link", around(epochs, "epoch", whole=True), around((0, 1), "probability"), lines=[_line(epochs, means)]
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
