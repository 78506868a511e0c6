"""An architecture drawn as blocks: height is resolution, width is channels, colour is operation and kernel size.

Source: EGNAS, figure 1.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from markupsafe import Markup

from facenas.backbones import Blueprint, CellSpace, RefinedSpace, ir, plain
from facenas.backbones.cell_places import NODES
from facenas.report.svg import picture, tag

PLANS = {"plain": plain.plan, "ir": ir.plan}
NAMES = {
    "sep": "separable",
    "conv": "plain",
    "depthwise": "depthwise",
    "max_pool": "maximum",
    "avg_pool": "mean",
    "normal": "normal cell",
    "reduction": "reduction cell",
}
TALLEST, GAP, EDGE = 112, 2, 2  # pixels: at the input's resolution, between blocks, around the drawing
NARROWEST, WIDEST = 8, 24  # pixels of the block with the fewest channels
LABEL, LINE = 62, 13  # pixels: room for a label, height of a line of text


class Block(NamedTuple):
    """A layer or unit."""

    kind: str  # operation and kernel size, "stem" or "head"
    height: float  # as a share of the input's resolution
    channels: int
    labels: tuple[str, str]  # above it, where they change
    below: str
    tip: str


class Placed(NamedTuple):
    """A block in a row of the drawing."""

    block: Block
    x: float
    width: float
    labelled: bool


def blocks(blueprint: Blueprint) -> list[Block]:
    """The stem, every layer (plain space) or unit (IR space), and the head."""
    architecture, space = blueprint.architecture, blueprint.space
    plan, size = _plan(blueprint), space.input_size
    channels = plan[0][2]
    size //= 8 if isinstance(space, CellSpace) and space.shape == "imagenet" else 1
    chain = [Block("stem", 1, channels, _labels(size, channels), "stem", f"stem: plain 3x3 to {channels} channels, {size}x{size}")]
    for number, (kind, kernel, channels_in, channels, stride) in enumerate(plan, 1):
        before, size = size, -(-size // stride)
        name = f"{_what(blueprint)} {number} of {len(plan)}: {_kind(kind, kernel)}"
        tip = f"{name}, {channels_in} to {channels} channels, {before}x{before} to {size}x{size}"
        below = "" if number % 5 else str(number)
        chain.append(Block(f"{kind}{kernel or ''}", size / space.input_size, channels, _labels(size, channels), below, tip))
    output = "classes" if getattr(space, "num_classes", None) else "embedding"
    tip = f"head: {blueprint.dimension} {output}, drawn without scale"
    return [*chain, Block("head", 0.3, architecture.width, (str(blueprint.dimension), output), "head", tip)]


def legend(blueprint: Blueprint) -> list[tuple[str, str]]:
    """The kinds of block that occur, each with its name."""
    kinds = sorted({block.kind for block in blocks(blueprint)} - {"stem", "head"})
    return [(kind, NAMES[kind] if kind in NAMES else _kind(kind[:-1], int(kind[-1]))) for kind in kinds]


def draw(blueprint: Blueprint, width: int) -> Markup:
    """The network in as many rows of `width` pixels as it needs."""
    y, drawn = 0.0, list[Markup]()
    for row in _rows(blocks(blueprint), width):
        tallest = TALLEST * max(placed.block.height for placed in row)
        middle = y + 2 * LINE + 4 + tallest / 2
        drawn.append(tag("path", d=f"M{row[0].x:.1f} {middle:.1f}H{row[-1].x + row[-1].width:.1f}", class_="axis"))
        drawn += [part for placed in row for part in _block(placed, middle)]
        y = middle + tallest / 2 + LINE + 10
    architecture = blueprint.architecture
    label = f"the network: {architecture.depth} layers, {architecture.width} channels wide at first"
    return picture(width, y, *drawn, label=label, kind=f"network at{width}")


def _plan(blueprint: Blueprint) -> list[tuple[str, int, int, int, int]]:
    space = blueprint.space
    if isinstance(space, CellSpace):
        return [
            ("reduction" if place.reduction else "normal", 0, place.second, NODES * place.channels, 2 if place.reduction else 1)
            for place in space.places(blueprint.architecture)
        ]
    return [*(space.plan(blueprint.architecture) if isinstance(space, RefinedSpace) else PLANS[space.name](blueprint.architecture))]


def _kind(kind: str, kernel: int) -> str:
    return f"{NAMES[kind]} {kernel}x{kernel}" if kernel else NAMES[kind]


def _what(blueprint: Blueprint) -> str:
    """What a block is."""
    if isinstance(blueprint.space, RefinedSpace):
        return blueprint.space.positions_per
    if isinstance(blueprint.space, CellSpace):
        return "cell"
    return "layer" if blueprint.architecture.space == "plain" else "unit"


def _labels(size: int, channels: int) -> tuple[str, str]:
    return (f"{size} x {size}", f"{channels} ch")


def _rows(chain: Sequence[Block], width: int) -> list[list[Placed]]:
    """As few rows as the narrowest blocks need, with the widest blocks that fit into them."""
    fewest = min(block.channels for block in chain)
    least = len(_wrapped(chain, width, NARROWEST / fewest))
    tries = (_wrapped(chain, width, pixels / 2 / fewest) for pixels in range(2 * WIDEST, 2 * NARROWEST - 1, -1))
    return next(rows for rows in tries if len(rows) == least)


def _wrapped(chain: Sequence[Block], width: int, scale: float) -> list[list[Placed]]:
    """Blocks side by side, labels with room for their text; what does not fit begins the next row."""
    rows: list[list[Placed]] = [[]]
    x, free, before = float(EDGE), 0.0, ("", "")
    for block in chain:
        wide, labelled = block.channels * scale, block.labels != before
        here = max(x, free) if labelled else x
        if here + max(wide, LABEL * labelled) > width - EDGE and rows[-1]:
            rows.append([])
            here, labelled = float(EDGE), True
        rows[-1].append(Placed(block, here, wide, labelled))
        x, free, before = here + wide + GAP, here + LABEL if labelled else free, block.labels
    return rows


def _block(placed: Placed, middle: float) -> Iterator[Markup]:
    block, x, wide = placed.block, placed.x, placed.width
    high = block.height * TALLEST
    top, corner = middle - high / 2, 4 if block.kind.startswith("sep") else 0
    yield tag("rect", tag("title", block.tip), x=x, y=top, width=wide, height=high, rx=min(corner, high / 2), class_=block.kind)
    if block.kind[-1] in "57" and high > LINE:
        yield tag("text", block.kind[-1], x=x + wide / 2, y=middle + 4, text_anchor="middle", class_="kernel")
    if placed.labelled:
        yield tag("text", block.labels[0], x=x, y=top - LINE - 4)
        yield tag("text", block.labels[1], x=x, y=top - 4)
    if block.below:
        yield tag("text", block.below, x=x, y=middle + high / 2 + LINE, class_="number")
