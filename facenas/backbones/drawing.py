"""What a report draws of a network: its layers as blocks, and graphs of its cells. A space says it, the report knows no spaces."""

from collections.abc import Sequence
from typing import NamedTuple

WORDS = {
    "sep": "separable",
    "conv": "plain",
    "depthwise": "depthwise",
    "max_pool": "maximum",
    "avg_pool": "mean",
    "normal": "normal cell",
    "reduction": "reduction cell",
}


def in_words(kind: str, kernel: int) -> str:
    """An operation and its kernel size as people read them; an operation that has no other word is called by its name.

    Args:
        kind: Name of the operation.
        kernel: Kernel size in pixels; 0: it has none.
    """
    return f"{WORDS.get(kind, kind)} {kernel}x{kernel}" if kernel else WORDS.get(kind, kind)


class Layer(NamedTuple):
    """A block of the drawing.

    Attributes:
        kind: What is computed; it chooses the colour.
        kernel: Kernel size in pixels; 0: it has none.
        channels_in: Channels of its input.
        channels_out: Channels of its output.
        stride: Factor by which the resolution is divided.
    """

    kind: str
    kernel: int
    channels_in: int
    channels_out: int
    stride: int


class Drawing(NamedTuple):
    """A network as a chain of blocks.

    Attributes:
        layers: The blocks in the order of computation, without stem and head.
        size: Side of the first block's input, in pixels.
        part: What a block stands for, in a word, such as `layer`.
        told: What a block stands for, at length, to be read after "one block is one".
    """

    layers: Sequence[Layer]
    size: int
    part: str = "layer"
    told: str = "layer"


class Edge(NamedTuple):
    """An edge of a graph.

    Attributes:
        source: Number of the point where it begins, the graph's inputs first.
        node: Number of the node where it ends, from 0.
        label: Short text that stands on it, of at most six letters.
        kind: Name that chooses the colour, such as `sep3`.
        told: What is computed, at length.
    """

    source: int
    node: int
    label: str
    kind: str
    told: str


class Graph(NamedTuple):
    """A cell: inputs at the left, nodes to the right; all nodes together are its output.

    Attributes:
        name: Name of the cell.
        inputs: Short and long name of each input.
        nodes: Number of nodes.
        edges: The edges, in the order of the architecture.
    """

    name: str
    inputs: Sequence[tuple[str, str]]
    nodes: int
    edges: Sequence[Edge]
