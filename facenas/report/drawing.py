"""An architecture drawn as blocks: height is resolution, width is channels, colour is operation and kernel size.

Source: EGNAS, figure 1.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from markupsafe import Markup

from facenas.backbones import Blueprint, NetworkSection
from facenas.backbones.drawing import in_words
from facenas.report.svg import picture, tag

STYLED = (  # kinds of block that the style sheet has a colour of its own for; the others take turns
    "sep3", "sep5", "sep7", "conv3", "conv5", "conv7", "depthwise3", "depthwise5", "max_pool3", "avg_pool3", "skip", "normal", "reduction",
)  # fmt: skip
OTHERS = 8  # colours that take turns
TALLEST, GAP, EDGE = 112, 2, 2  # pixels: at the input's resolution, between blocks, around the drawing
NARROWEST, WIDEST = 8, 24  # pixels of the block with the fewest channels
LABEL, LINE = 62, 13  # pixels: room for a label, height of a line of text


class Block(NamedTuple):
    """A layer or unit of the network, as it is drawn."""

    kind: str  # class of the style sheet, for operation and kernel size; "stem" or "head"
    height: float  # as a share of the input's resolution
    channels: int
    labels: tuple[str, str]  # above it, where they change
    below: str
    tip: str
    name: str = ""  # in the legend
    kernel: int = 0  # pixels


class Placed(NamedTuple):
    """A block at its place in a row of the drawing."""

    block: Block
    x: float
    width: float
    labelled: bool


def blocks(blueprint: Blueprint) -> list[Block]:
    """The blocks of a network's drawing: the stem, every block that the space gives, and the head."""
    architecture, space = blueprint.architecture, blueprint.space
    plan, size, part, _ = space.drawing(architecture)
    channels = plan[0].channels_in if plan else architecture.width
    classes = palette(space, [f"{one.kind}{one.kernel or ''}" for one in plan])
    chain = [Block("stem", 1, channels, _labels(size, channels), "stem", f"stem: plain 3x3 to {channels} channels, {size}x{size}")]
    for number, (kind, kernel, channels_in, channels, stride) in enumerate(plan, 1):
        before, size, name = size, -(-size // stride), in_words(kind, kernel)
        tip = f"{part} {number} of {len(plan)}: {name}, {channels_in} to {channels} channels, {before}x{before} to {size}x{size}"
        below, shown = "" if number % 5 else str(number), classes[f"{kind}{kernel or ''}"]
        chain.append(Block(shown, size / space.input_size, channels, _labels(size, channels), below, tip, name, kernel))
    output = "classes" if space.classes else "embedding"
    tip = f"head: {blueprint.dimension} {output}, drawn without scale"
    return [*chain, Block("head", 0.3, architecture.width, (str(blueprint.dimension), output), "head", tip)]


def legend(blueprint: Blueprint) -> list[tuple[str, str]]:
    """The kinds of block that occur in a drawing, each with its name."""
    return sorted({(block.kind, block.name) for block in blocks(blueprint) if block.name})


def palette(space: NetworkSection, kinds: Iterable[str] = ()) -> dict[str, str]:
    """The style sheet's class for each kind that a space chooses from: operation and kernel size, such as `sep3`.

    Args:
        space: The search space.
        kinds: Further kinds that need a class.

    Returns:
        Class by kind; kinds that the style sheet does not know share a few spare classes.
    """
    known = dict.fromkeys([*(f"{kind}{kernel}" for kind, kernel in space.choices), *kinds])
    strange = [kind for kind in known if kind not in STYLED]
    return {kind: f"other{strange.index(kind) % OTHERS}" if kind in strange else kind for kind in known}


def draw(blueprint: Blueprint, width: int) -> Markup:
    """Draw the network in as many rows as it needs.

    Args:
        blueprint: The architecture with the blocks that its space draws.
        width: Width of a row in pixels.
    """
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


def _labels(size: int, channels: int) -> tuple[str, str]:
    return (f"{size} x {size}", f"{channels} ch")


def _rows(chain: Sequence[Block], width: int) -> list[list[Placed]]:
    """The blocks in as few rows as they need when drawn narrowest, then as wide as they fit."""
    fewest = min(block.channels for block in chain)
    least = len(_wrapped(chain, width, NARROWEST / fewest))
    tries = (_wrapped(chain, width, pixels / 2 / fewest) for pixels in range(2 * WIDEST, 2 * NARROWEST - 1, -1))
    return next(rows for rows in tries if len(rows) == least)


def _wrapped(chain: Sequence[Block], width: int, scale: float) -> list[list[Placed]]:
    """The blocks at their places in rows, labelled where there is room; a block that does not fit begins the next row."""
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
    if block.kernel > 3 and high > LINE:
        yield tag("text", str(block.kernel), x=x + wide / 2, y=middle + 4, text_anchor="middle", class_="kernel")
    if placed.labelled:
        yield tag("text", block.labels[0], x=x, y=top - LINE - 4)
        yield tag("text", block.labels[1], x=x, y=top - 4)
    if block.below:
        yield tag("text", block.below, x=x, y=middle + high / 2 + LINE, class_="number")
