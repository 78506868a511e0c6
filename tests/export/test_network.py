"""Every format computes what the network computes, in one file that says what it is."""

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from facenas.data import InputContract, SyntheticFaces
from facenas.export import FORMATS, Exported, ExportError, export_network
from facenas.export.int8 import layers_of
from tests.export.trained import small_face_network

IMAGES = SyntheticFaces(people=4, photographs=4, test_people=0).load(32).images
OURS = ("onnx", "onnx-fp16", "onnx-int8", "torch-export", "torchscript")
CONTRACT = InputContract(size=32, color="bgr", mean=(120.0, 110.0, 100.0), std=(60.0, 50.0, 70.0))
NETWORK = small_face_network(32, IMAGES, CONTRACT)


def exported(path: Path, kind: str, *, raw: bool = False, network: nn.Module = NETWORK) -> Exported:
    return export_network(
        network,
        path,
        kind=kind,
        contract=CONTRACT,
        raw=raw,
        images=IMAGES,
        metadata=lambda contract: {"facenas": contract.model_dump_json()},
    )


def metadata(path: Path, kind: str) -> str:
    told = {"facenas": ""}
    if kind == "torch-export":
        torch.export.load(path, extra_files=told)
    elif kind == "torchscript":
        torch.jit.load(path, _extra_files=told)
    else:
        told = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    content = told["facenas"]
    return content.decode() if isinstance(content, bytes) else content


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("kind", OURS)
def test_one_file_that_computes_the_same_for_any_batch(tmp_path: Path, kind: str, raw: bool) -> None:
    path = tmp_path / f"m{FORMATS.get(kind).suffix}"
    done = exported(path, kind, raw=raw)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert done.parity.images == 16
    assert done.parity.min_cosine > (FORMATS.get(kind)().least_cosine if kind.endswith(("8", "16")) else 0.999999)
    assert done.opset == (18 if "onnx" in kind else None)
    assert InputContract.model_validate_json(metadata(path, kind)) == done.contract
    assert (done.contract.color, done.contract.mean, done.contract.std) == (
        ("rgb", (0.0,), (1.0,)) if raw else ("bgr", CONTRACT.mean, CONTRACT.std)
    )
    run = FORMATS.get(kind)().open(path)
    images = IMAGES.astype(np.float32).transpose(0, 3, 1, 2)
    inputs = np.ascontiguousarray(images) if raw else CONTRACT.prepare(torch.from_numpy(images)).numpy()
    whole = run(inputs)
    assert whole.shape == (16, 24) and whole.dtype == np.float32
    assert np.allclose(whole[:1], run(inputs[:1]), atol=1e-3 * abs(whole).max())


@pytest.mark.parametrize("kind", OURS)
def test_two_exports_are_equal_byte_for_byte_and_name_no_place(tmp_path: Path, kind: str) -> None:
    for name in "ab":
        exported(tmp_path / name, kind)
    first = (tmp_path / "a").read_bytes()
    assert first == (tmp_path / "b").read_bytes()
    assert not re.search(rb"site-packages|[/\\]facenas[/\\]|eval_with_key", first)


def test_onnx_holds_one_dynamic_input_one_output_and_no_batch_norm(tmp_path: Path) -> None:
    exported(tmp_path / "m.onnx", "onnx", raw=True)
    model = onnx.load(tmp_path / "m.onnx")
    kinds = [node.op_type for node in model.graph.node]
    assert not {"BatchNormalization", "Identity", "Dropout", "Slice"} & set(kinds)
    assert [node.name for node in model.graph.node[:2]] == ["Sub_0", "Mul_0"]
    shape = model.graph.input[0].type.tensor_type.shape.dim
    assert shape[0].dim_param and [dimension.dim_value for dimension in shape[1:]] == [3, 32, 32]
    assert len(model.graph.output) == 1
    assert not any(node.metadata_props for node in model.graph.node)


@pytest.mark.parametrize("shake", [False, True])
def test_integers_and_halves_are_what_they_say(tmp_path: Path, shake: bool) -> None:
    network = small_face_network(32, IMAGES, CONTRACT, shake=shake)
    sizes = {}
    for kind in ("onnx", "onnx-fp16", "onnx-int8"):
        done = exported(tmp_path / kind, kind, network=network)
        model = onnx.load(tmp_path / kind)
        sizes[kind] = sum(len(onnx.numpy_helper.to_array(tensor).tobytes()) for tensor in model.graph.initializer)
        assert {value.type.tensor_type.elem_type for value in (*model.graph.input, *model.graph.output)} == {onnx.TensorProto.FLOAT}
    assert in_integers(model) == set(layers_of(onnx.load(tmp_path / "onnx"))) - set(done.float_layers)
    assert in_integers(model)
    assert sizes["onnx-fp16"] < 0.55 * sizes["onnx"]
    if not shake:  # a shaken network keeps as many layers in float32 as it needs: more on one processor than on another
        assert sizes["onnx-int8"] < 0.4 * sizes["onnx"]


def in_integers(model: onnx.ModelProto) -> set[str]:
    """Names of the layers whose weights are stored in 8 bits."""
    stored = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    unfolded = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    layers = {node.name: node.input[1] for node in model.graph.node if node.op_type in ("Conv", "Gemm", "MatMul")}
    return {layer for layer, weight in layers.items() if stored.get(unfolded.get(weight, weight)) == onnx.TensorProto.INT8}


def test_a_file_that_does_not_agree_is_refused_and_what_was_there_stays(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 4))
    nn.init.zeros_(network[1].weight)
    nn.init.zeros_(network[1].bias)
    with pytest.raises(ExportError, match="differs from torch"):
        export_network(network, tmp_path / "m.onnx", contract=InputContract(size=32), images=IMAGES)
    assert list(tmp_path.iterdir()) == []

    def judge(runner: object, contract: object) -> None:
        raise ExportError("not good enough")

    (tmp_path / "m.onnx").write_text("older")
    with pytest.raises(ExportError, match="not good enough"):
        export_network(NETWORK, tmp_path / "m.onnx", contract=CONTRACT, images=IMAGES, judge=judge)
    assert (tmp_path / "m.onnx").read_text() == "older"
