"""What an ONNX graph says of its input: type, axes, size, and whether it normalises the image itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facenas.data.contract import Layout
from facenas.data.formats.onnx_session import open_session
from facenas.errors import ModelError

TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64, "tensor(uint8)": np.uint8}
CHANNELS = (1, 3)
PASSES = {"Clip", "Dropout", "Pad", "Resize", "Upsample"}  # what they give is of the range that they are given
MOVES = {"Identity", "Cast", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Slice", "Gather", "GatherND", "Split", "Concat"} | PASSES
SUMS = {
    "Sub",
    "Add",
    "Sum",
    "Mul",
    "Div",
    "Neg",
    "QuantizeLinear",
    "DequantizeLinear",
}  # with MOVES: what may come before the network itself
SUBTRACTS, MULTIPLIES = ("Sub", "_minus"), ("Mul", "_mul")  # beginnings of the names by which insightface knows a graph that normalises
PROBES = (0, 51, 255)  # grey images that tell an affine function from others
SIDE = 16  # of an image where the graph leaves its size open
TO_NCHW = [0, 3, 1, 2]


class GraphInput(NamedTuple):
    """The one input of a graph; what the graph leaves open is None.

    Attributes:
        name: Name of the input.
        dtype: Type of its numbers.
        batch: Number of images that it takes at a time.
        layout: Order of its axes, `nchw` or `nhwc`.
        channels: Channels of an image.
        height: Height of an image in pixels.
        width: Width of an image in pixels.
    """

    name: str
    dtype: Any
    batch: int | None
    layout: Layout
    channels: int | None
    height: int | None
    width: int | None

    def shape(self, batch: int, *, height: int, width: int, channels: int = 3) -> tuple[int, ...]:
        """The shape of a batch as the graph takes it; what the graph leaves open is as given here.

        Args:
            batch: Number of images, B.
            height: Height of an image in pixels.
            width: Width of an image in pixels.
            channels: Channels of an image.

        Returns:
            (B, C, H, W) or (B, H, W, C), by the graph's layout.
        """
        image = (self.channels or channels, self.height or height, self.width or width)
        return (batch, *image) if self.layout == "nchw" else (batch, *image[1:], image[0])


class Normalisation(NamedTuple):
    """How a graph normalises images by itself.

    Attributes:
        highest: The value of white that it expects: 255 or 1.
        nodes: The nodes that do it, for messages.
    """

    highest: int
    nodes: tuple[str, ...]


def graph_input(session: Any, model: Any = None, *, layout: Layout | None = None) -> GraphInput:
    """What a session's graph says of its input.

    Args:
        session: An onnxruntime session with one input of four axes.
        model: Its graph, an `onnx.ModelProto`; where the shape does not tell the order of the axes, a transposition may.
        layout: Order of the axes, if it is known.

    Raises:
        ModelError: If its numbers are of a type that images are not given in.
    """
    entry = session.get_inputs()[0]
    if entry.type not in TYPES:
        raise ModelError(f"the input {entry.name} must be of {', '.join(TYPES)}, it is of {entry.type}; export the network anew")
    batch, *sides = (side if isinstance(side, int) and side > 0 else None for side in entry.shape)
    if layout is None:
        turned = sides[2] in CHANNELS if sides[0] is not None or sides[2] is not None else _is_turned(model, entry.name)
        layout = "nhwc" if turned and sides[0] not in CHANNELS else "nchw"
    channels, height, width = sides if layout == "nchw" else (sides[2], *sides[:2])
    return GraphInput(entry.name, TYPES[entry.type], batch, layout, channels, height, width)


def normalisation(path: Path, model: Any, taken: GraphInput) -> Normalisation | None:
    """How a graph normalises by itself what it is given; None: it does not, or cannot be understood.

    Black, grey and white images are followed to the first node that is more than a sum: what becomes of them is the subtraction and the
    factor, whether written with Sub and Mul, Add, Div, in several steps or channel by channel. A graph that begins with a
    BatchNormalization tells by its running statistics what it was trained on.

    Args:
        path: The ONNX file, beside which there may be others with constants.
        model: Its graph, without the constants in other files.
        taken: The graph's input.

    Source: insightface 2.1, `model_zoo/arcface_onnx.py`, takes a graph with a node of each kind of name among its first eight for one that
        is given 0 to 255; here they count where they lie before the network.
    """
    if model.functions:
        model = _inlined(model)
    nodes, reached, first = _before_the_network(model.graph, taken.name)
    sums = tuple(node.name or node.op_type for node in nodes if node.op_type in SUMS)
    statistics = list(first.input[3:5]) if first is not None and first.op_type == "BatchNormalization" else []
    found = _followed(path, model, taken, [reached, *statistics])
    highest = None if found is None else _highest(*found[:2])
    if highest is None and found is not None and not sums and statistics:
        highest, sums = _highest_of_training(*found[2:]), (first.name or first.op_type,)
    named = [any(node.name.startswith(names) or node.op_type == names[0] for node in nodes) for names in (SUBTRACTS, MULTIPLIES)]
    if highest is None and all(named):
        highest = 255
    return None if highest is None else Normalisation(highest, sums)


def _inlined(model: Any) -> Any:
    """A graph with the functions that it defines itself written out, as exporters before torch 2.6 used them for each operation."""
    from onnx.inliner import inline_local_functions

    try:
        return inline_local_functions(model)
    except Exception:  # of a stranger's file: it stays as it is
        return model


def _is_turned(model: Any, name: str) -> bool:
    readers = [node for node in model.graph.node if name in node.input and node.op_type == "Transpose"] if model is not None else []
    return any(list(attribute.ints) == TO_NCHW for node in readers for attribute in node.attribute)


def _before_the_network(graph: Any, name: str) -> tuple[list[Any], str, Any]:
    """The nodes that an image goes through before the first one that is more than a sum, the name of what that one reads, and it itself."""
    images, last, nodes = {name: name}, name, list[Any]()  # what is computed of the image, and the same before what only passes it on
    for node in graph.node:
        read = [entry for entry in node.input if entry in images]
        if not read or node.op_type in ("Shape", "Size"):
            continue
        if node.domain not in ("", "ai.onnx") or node.op_type not in MOVES | SUMS:
            return nodes, images[read[0]], node
        nodes.append(node)
        images.update((output, images[read[0]] if node.op_type in PASSES else output) for output in node.output)
        last = images[node.output[0]]
    return nodes, last, None


def _followed(path: Path, model: Any, taken: GraphInput, wanted: Sequence[str]) -> list[NDArray[Any]] | None:
    """Subtraction and factor of each channel, and further constants, as onnxruntime computes them; None if it is not of that kind."""
    try:
        runner = _part(path, model, wanted)
        shape = taken.shape(taken.batch or 1, height=SIDE, width=SIDE)
        outputs = [runner.run(None, {taken.name: np.full(shape, value, taken.dtype)}) for value in PROBES]
        black, grey, white = (_channels(output[0]) for output in outputs)
    except Exception:  # whatever a stranger's file makes onnxruntime raise: it is not understood, and running it whole will tell why
        return None
    if black is None or grey is None or white is None:
        return None
    factor = (white - black) / PROBES[-1]
    bent = np.abs(black + PROBES[1] * factor - grey).max() > 0.01 * np.abs(white - black).max()
    return None if bent or (factor <= 0).any() else [-black / factor, factor, *outputs[0][1:]]


def _part(path: Path, model: Any, wanted: Sequence[str]) -> Any:
    """A session of what is needed for some values of a graph."""
    import onnx
    from onnx.external_data_helper import load_external_data_for_model

    part, needed = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import), set(wanted)
    nodes: list[Any] = []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            nodes.append(node)
    part.graph.name = "beginning"
    part.graph.node.extend(reversed(nodes))
    part.graph.initializer.extend(value for value in model.graph.initializer if value.name in needed)
    constants = {value.name for value in model.graph.initializer}
    part.graph.input.extend(value for value in model.graph.input if value.name not in constants)
    for number, name in enumerate(wanted):  # an output of its own, since it may be the input, or a constant
        part.graph.node.append(onnx.helper.make_node("Identity", [name], [f"wanted {number}"]))
        part.graph.output.append(onnx.ValueInfoProto(name=f"wanted {number}"))
    load_external_data_for_model(part, str(path.parent))
    return open_session(part.SerializeToString(), threads=1)


def _channels(values: NDArray[Any]) -> NDArray[np.float64] | None:
    """What each channel of a batch (B, C, H, W) or (B, H, W, C) of one colour is; None if a picture is not of one colour."""
    axis = next((axis for axis in (1, 3) if values.ndim == 4 and values.shape[axis] in CHANNELS), None)
    if axis is None:
        return None
    rows = np.moveaxis(values[0].astype(np.float64), axis - 1, 0).reshape(values.shape[axis], -1)
    return rows.mean(axis=1) if np.ptp(rows, axis=1).max() <= 1e-3 * max(1.0, np.abs(rows).max()) else None


def _highest(zero: NDArray[Any], factor: NDArray[Any]) -> int | None:
    """White's value where `factor (x - zero)` makes what networks learn on of it; None where that is said by nothing."""
    if zero.max() > 1.5:
        return 255
    if zero.min() > 0.15 and factor.min() > 1.8:
        return 1
    if np.abs(zero).max() > 0.02:
        return None  # as a layer of a network that is given normalised images may do
    return 255 if factor.max() <= 1 / 16 else 1 if factor.min() >= 16 else None


def _highest_of_training(mean: NDArray[Any], variance: NDArray[Any]) -> int | None:
    """White's value in the images that a BatchNormalization has running statistics of; None for images normalised before."""
    deviation = np.sqrt(variance)
    if deviation.min() > 8:
        return 255
    return 1 if deviation.max() < 0.35 and 0.15 < mean.min() <= mean.max() < 0.85 else None
