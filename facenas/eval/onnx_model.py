"""Embedding with ONNX files of whatever origin: whatever onnxruntime makes of one, what a user meets is one sentence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facenas.data import InputContract
from facenas.data.faces import Images
from facenas.data.formats.onnx_session import open_session
from facenas.errors import ModelError, nearest
from facenas.eval.embed import Embedder, Embeddings
from facenas.eval.onnx_data import read_onnx
from facenas.eval.onnx_input import graph_input

FLOATS = ("tensor(float)", "tensor(float16)", "tensor(double)")
LARGEST_DIFFERENCE = 0.1  # of an embedding in a batch from the same alone, relative to its length: more than rounding makes, even of 8 bits
Run = Callable[[NDArray[Any]], Embeddings]


def onnx_session(path: Path, *, provider: str = "CPUExecutionProvider", threads: int = 0) -> Any:
    """An onnxruntime session with one image input.

    Args:
        path: A file of whatever origin; data that it keeps outside must lie in its own folder.
        provider: Execution provider of onnxruntime.
        threads: Threads of onnxruntime; 0: as many as cores.

    Raises:
        ModelError: If the file is not such a model, or there is no such provider.
    """
    import onnxruntime

    read_onnx(path)
    if provider not in (there := onnxruntime.get_available_providers()):
        raise ModelError(f"onnxruntime has no {provider} here; {nearest(provider, there)}")
    try:
        session = open_session(path, threads=threads, provider=provider)
    except Exception as error:  # onnxruntime's exceptions share no other base class
        raise ModelError(f"{path} is not a usable ONNX model: {_short(error)}") from None
    _check_ends(path, session.get_inputs(), session.get_outputs())
    return session


def run_onnx(session: Any, feed: dict[str, NDArray[Any]], *, name: str = "the ONNX file") -> list[NDArray[Any]]:
    """The outputs of a session.

    Args:
        session: The onnxruntime session.
        feed: Arrays by the names of the session's inputs.
        name: Name of the file, for messages.

    Raises:
        ModelError: If onnxruntime raises anything; its message is put into one sentence.
    """
    try:
        outputs: list[NDArray[Any]] = session.run(None, feed)
    except Exception as error:  # onnxruntime's exceptions share no other base class
        shapes = ", ".join(" x ".join(map(str, values.shape)) for values in feed.values())
        hint = "its graph may want another --set input.size or input.layout, or be damaged"
        raise ModelError(f"{name} cannot be run on an input of {shapes}: {_short(error)}; {hint}") from None
    return outputs


def onnx_embedder(session: Any, contract: InputContract, *, name: str = "the ONNX file") -> Embedder:
    """Embed with an onnxruntime session; AdaFace's direction (B, D) and norm (B, 1) are multiplied.

    A graph of a fixed batch is given as many images at a time. One that says any batch, and then fails or computes something else of
    several images than of each alone, is given one at a time.

    Args:
        session: A session of `onnx_session`.
        contract: What the graph expects of an image.
        name: Name of the file, for messages.
    """
    taken = graph_input(session, layout=contract.layout)
    several: list[bool] = []  # whether it takes several images, once that was tried

    def run(batch: NDArray[Any]) -> Embeddings:
        outputs = [_rows(values, len(batch), name) for values in run_onnx(session, {taken.name: batch}, name=name)]
        return outputs[0] if len(outputs) == 1 else outputs[0] * outputs[1]

    def at_a_time(batch: NDArray[Any]) -> int:
        if taken.batch or len(batch) == 1:
            return taken.batch or 1
        if not several:
            several.append(_takes_several(run, batch[:2]))
        return len(batch) if several[0] else 1

    def embed(images: Images) -> Embeddings:
        prepared = contract.prepare(torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)).numpy().astype(taken.dtype)
        batch = np.ascontiguousarray(prepared.transpose(0, 2, 3, 1) if contract.layout == "nhwc" else prepared)
        step = at_a_time(batch)
        room = np.concatenate([batch, np.zeros((-len(batch) % step, *batch.shape[1:]), batch.dtype)])  # a graph of fixed batch
        return np.concatenate([run(room[i : i + step]) for i in range(0, len(room), step)])[: len(batch)]

    return embed


def _takes_several(run: Run, two: NDArray[Any]) -> bool:
    """Whether a graph computes of the first of two images what it computes of it alone."""
    alone = run(two[:1])[0]
    try:
        together = run(two)[0]
    except ModelError:
        return False
    return bool(np.linalg.norm(together - alone) <= LARGEST_DIFFERENCE * np.linalg.norm(alone))


def _check_ends(path: Path, inputs: Any, outputs: Any) -> None:
    """Refuse what is no embedding network by its inputs and outputs."""
    told = [f"{entry.name} {entry.shape}" for entry in (*inputs, *outputs)]
    shapes = [entry.shape for entry in outputs]
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        wanted = f"{path} must have one input of images, (B, C, H, W) or (B, H, W, C)"
        raise ModelError(f"{wanted}; it has {', '.join(told[: len(inputs)]) or 'none'}; give the file of a face network alone")
    if len(shapes) > 2 or (len(shapes) == 2 and shapes[1][-1:] != [1]):
        wanted = f"{path} must have one output (B, D), or AdaFace's two, direction and norm"
        raise ModelError(f"{wanted}; it has {', '.join(told[len(inputs) :])}; export it with its embedding alone")
    for entry in outputs:
        if entry.type not in FLOATS:
            raise ModelError(f"the output {entry.name} of {path} must be an embedding of {', '.join(FLOATS)}, it is {entry.type}")


def _rows(values: NDArray[Any], count: int, name: str) -> Embeddings:
    """An output as rows (B, D)."""
    shape = values.shape if values.ndim > 1 or count > 1 else (1, *values.shape)
    if shape[:1] != (count,) or len(shape) < 2 or sum(side != 1 for side in shape[1:]) > 1:
        raise ModelError(
            f"{name} must give an embedding of each image, (B, D), it gives {values.shape} of {count}; export its embedding alone"
        )
    rows: Embeddings = values.reshape(count, -1).astype(np.float32)
    return rows


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
