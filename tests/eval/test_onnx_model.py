"""Whatever onnxruntime makes of a stranger's file: the right embeddings, or one sentence."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from facenas.data import InputContract
from facenas.errors import ModelError
from facenas.eval import onnx_embedder, onnx_session
from facenas.eval.onnx_data import onnx_digest, read_onnx
from tests.eval.onnx_graphs import network, node

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
CONTRACT = InputContract(size=32)


def embedded(path: Path, model: onnx.ModelProto, images: NDArray[np.uint8] = IMAGES) -> Any:
    onnx.save(model, path)
    return onnx_embedder(onnx_session(path), CONTRACT, name=str(path))(images)


def reshaped(*shape: int, of: str = "linear", to: str = "output") -> tuple[onnx.NodeProto, dict[str, Any]]:
    return node("Reshape", f"{of} shape_{to}", to), {f"shape_{to}": np.array(shape)}


def classes() -> onnx.ModelProto:
    """A network that gives the number of a class."""
    model = network(behind=[node("ArgMax", "linear", "output", axis=1)])
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
    return model


def test_a_graph_that_says_any_batch_and_computes_one(tmp_path: Path) -> None:
    plain = embedded(tmp_path / "plain.onnx", network())
    flat, shape = reshaped(1, -1)
    rows, other = reshaped(-1, 8, of="unit")
    ways = {
        "fails": network([*reshaped(1, 3, 32, 32, of="input", to="x")[:1]], reads="x", constants=reshaped(1, 3, 32, 32, to="x")[1]),
        "one long row": network(behind=[flat], constants=shape),
        "the mean of all": network(behind=[node("ReduceMean", "linear", "output", axes=[0], keepdims=1)]),
        "mixes, in the right shape": network(
            behind=[
                *reshaped(1, -1, to="long")[:1],
                node("LpNormalization", "long", "unit", axis=1),
                rows,
            ],
            constants=reshaped(1, -1, to="long")[1] | other,
        ),
    }
    for way, model in ways.items():
        found = embedded(tmp_path / "m.onnx", model)
        wanted = plain / np.linalg.norm(plain, axis=1, keepdims=True) if way.startswith("mixes") else plain
        np.testing.assert_allclose(found, wanted, atol=1e-5, err_msg=way)
        np.testing.assert_allclose(embedded(tmp_path / "m.onnx", model, IMAGES[:1]), wanted[:1], atol=1e-5, err_msg=way)


def test_embeddings_of_other_shapes(tmp_path: Path) -> None:
    plain = embedded(tmp_path / "plain.onnx", network())
    for shape in ((-1, 8, 1, 1), (-1, 1, 8)):
        behind, constants = reshaped(*shape)
        np.testing.assert_array_equal(embedded(tmp_path / "m.onnx", network(behind=[behind], constants=constants)), plain)
    behind, constants = reshaped(-1, 2, 4)
    with pytest.raises(ModelError, match=r"must give an embedding of each image, \(B, D\), it gives \(1, 2, 4\) of 1; export"):
        embedded(tmp_path / "m.onnx", network(behind=[behind], constants=constants))


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (
            network(outputs=("output", "map")),
            r"must have one output \(B, D\), or AdaFace's two, direction and norm; it has output .*, map ",
        ),
        (network(outputs=("output", "map", "flat")), r"must have one output \(B, D\), or AdaFace's two"),
        (network(more_inputs=("other",)), r"must have one input of images, \(B, C, H, W\) or \(B, H, W, C\); it has input .*, other "),
        (classes(), r"the output output of .* must be an embedding"),
        (
            network(height=64, width=64),
            "cannot be run on an input of 1 x 3 x 32 x 32: .*; its graph may want another",
        ),
        (network(shape=["n", 3, "h", "w"], height=64, width=64), "cannot be run on an input of 1 x 3 x 32 x 32: .*; its graph may want"),
    ],
    ids=["two outputs", "three outputs", "two inputs", "numbers of classes", "another size", "another size, unsaid"],
)
def test_one_sentence(model: onnx.ModelProto, sentence: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelError, match=sentence) as error:
        embedded(tmp_path / "m.onnx", model)
    assert len(str(error.value).splitlines()) == 1
    assert capfd.readouterr().err == ""


def test_an_opset_of_the_future(tmp_path: Path) -> None:
    model = network()
    model.opset_import[0].version = 9999
    with pytest.raises(ModelError, match=r"(?i)is not a usable ONNX model: .*opset"):
        embedded(tmp_path / "m.onnx", model)


def test_weights_outside_decide_the_digest(tmp_path: Path) -> None:
    digests = []
    for seed in (1, 2):
        (tmp_path / str(seed)).mkdir()
        path = tmp_path / str(seed) / "m.onnx"
        onnx.save(network(seed=seed), path, save_as_external_data=True, location="m.data", size_threshold=0)
        digests.append(onnx_digest(path, read_onnx(path)))
    assert (tmp_path / "1" / "m.onnx").read_bytes() == (tmp_path / "2" / "m.onnx").read_bytes()
    assert digests[0] != digests[1]
    (tmp_path / "1" / "m.data").unlink()
    with pytest.raises(ModelError, match=r"the weights of .*m\.onnx are in 'm\.data', and there is no such file beside it"):
        onnx_session(tmp_path / "1" / "m.onnx")
    (tmp_path / "2" / "m.data").write_bytes(b"short")
    with pytest.raises(ModelError, match="is not a usable ONNX model"):
        onnx_session(tmp_path / "2" / "m.onnx")
