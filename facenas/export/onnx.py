"""One self-contained ONNX file."""

from pathlib import Path
from typing import ClassVar, Literal

import onnx
import torch
from pydantic import Field
from torch import Tensor, nn

from facenas.data.formats.onnx_seal import sealed_onnx
from facenas.export.format import ExportError, FormatSection
from facenas.export.parity import Batch, Runner, onnx_runner

OPSET = 18
FIRST = 8  # nodes among which insightface looks for a subtraction and a multiplication, by their names


class OnnxFile(FormatSection):
    """A format whose files are ONNX files; a format's own class may convert the model."""

    opset: ClassVar[int | None] = OPSET

    def write(
        self, network: nn.Module, path: Path, *, example: Tensor, calibration: Batch, metadata: dict[str, str], raw: bool
    ) -> list[str]:
        """Write a checked ONNX model with a dynamic batch.

        Args:
            network: Network from images (B, C, H, W) to outputs (B, D), in evaluation mode on the CPU: a graph of torch's operations.
            path: File to write.
            example: Two images (2, C, H, W) as the network takes them.
            calibration: Images (M, C, H, W) as the network takes them, for a conversion.
            metadata: Texts by name, stored as the model's properties.
            raw: Whether the network takes RGB values from 0 to 255, which its first operations prepare.

        Returns:
            Names of the layers that stay in float32, where the others do not.
        """
        model = onnx_model(network, example)
        if raw:
            named_for_clients(model)
        model, kept = self.converted(model, calibration)
        save_onnx(model, path, metadata)
        return kept

    def converted(self, model: onnx.ModelProto, images: Batch) -> tuple[onnx.ModelProto, list[str]]:
        """The model in the format's precision, and the layers that stay in float32.

        Args:
            model: The model in float32.
            images: Images (M, C, H, W) as the model takes them.
        """
        return model, []

    def open(self, path: Path) -> Runner:
        """A function that runs the file in onnxruntime on the CPU, from images (B, C, H, W) to outputs (B, D)."""
        return onnx_runner(path, threads=torch.get_num_threads())


class OnnxFormat(OnnxFile):
    """The format of ONNX files in float32."""

    suffix: ClassVar[str] = ".onnx"
    name: Literal["onnx"] = Field("onnx", description="Name of the format.")


def write_onnx(network: nn.Module, example: torch.Tensor, path: Path, metadata: dict[str, str]) -> None:
    """Write a network as ONNX with a dynamic batch, unchecked.

    Args:
        network: Network from images (B, C, H, W) to outputs (B, D), in evaluation mode.
        example: Two images (2, C, H, W) as the network takes them.
        path: File to write.
        metadata: Texts by name, stored as the model's properties.
    """
    save_onnx(onnx_model(network, example), path, metadata)


def onnx_model(network: nn.Module, example: torch.Tensor) -> onnx.ModelProto:
    """A network as ONNX, with a dynamic batch, one input `input` and one output `output`.

    Args:
        network: Network from images (B, C, H, W) to outputs (B, D), in evaluation mode.
        example: Two images (2, C, H, W) as the network takes them.

    Raises:
        ExportError: If torch's exporter returns no program.
    """
    program = torch.onnx.export(
        network,
        (example,),
        dynamo=True,
        opset_version=OPSET,
        input_names=["input"],
        output_names=["output"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        verbose=False,
    )
    if program is None:
        raise ExportError("torch's ONNX exporter returned no program")
    model = program.model_proto
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        part.ClearField("metadata_props")  # the exporter's notes, among them paths of this machine
    for node in graph.node:
        node.ClearField("doc_string")
    graph.ClearField("value_info")  # what every reader infers by itself
    return model


def named_for_clients(model: onnx.ModelProto) -> onnx.ModelProto:
    """Give the first subtraction and multiplication the names by which insightface knows a network that prepares its input itself.

    Raises:
        ExportError: If these two are not among the first nodes.
    """
    for kind in ("Sub", "Mul"):
        node = next((node for node in model.graph.node[:FIRST] if node.op_type == kind), None)
        if node is None:
            raise ExportError(f"the exported graph has no {kind} among its first {FIRST} nodes, so insightface would normalise twice")
        node.name = f"{kind}_0"
    return model


def ordered(model: onnx.ModelProto) -> onnx.ModelProto:
    """Put the nodes of a model in the order in which they are needed, the image's way first: converters append theirs anywhere."""
    made_by = {name: node for node in model.graph.node for name in node.output}
    order, placed = list[onnx.NodeProto](), set[str]()
    waiting = [output.name for output in reversed(model.graph.output)]
    while waiting:
        node = made_by.get(waiting[-1])
        missing = [] if node is None else [name for name in node.input if name in made_by and name not in placed]
        if missing:
            waiting += reversed(missing)
            continue
        if node is not None and waiting[-1] not in placed:
            order.append(node)
            placed.update(node.output)
        waiting.pop()
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in order]
    del model.graph.node[:]
    model.graph.node.extend(copies)
    return model


def save_onnx(model: onnx.ModelProto, path: Path, metadata: dict[str, str]) -> None:
    """Write a checked model into one file, with a checksum of it.

    Args:
        model: The model; its nodes are put in order, and it gets the metadata.
        path: File to write.
        metadata: Texts by name, stored as the model's properties.
    """
    ordered(model)
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    path.write_bytes(sealed_onnx(model.SerializeToString(deterministic=True)))
