"""What a graph says of its input is followed: a network that normalises by itself gives what its plain twin gives."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from facenas.data import InputContract
from facenas.errors import ModelError
from facenas.eval.settings import ContractOverride
from facenas.recognition.models import Recogniser, load_recogniser
from tests.eval.onnx_graphs import CHANNELS_LAST, constant, network, node, per_channel

SMALL = np.float32
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
MEAN, GAIN, ONE = SMALL(127.5), SMALL(1 / 127.5), SMALL(1)
BOTH = {"mean": MEAN, "gain": GAIN}
SUB, MUL = node("Sub", "input mean", "s", "Sub_0"), node("Mul", "s gain", "x", "Mul_0")
COLOURS = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
UNIT = tuple(per_channel(*(value / 255 for value in values)) for values in COLOURS)


def statistics(mean: float, variance: float) -> dict[str, Any]:
    """What a BatchNormalization of three channels has learnt."""
    values = {"scale": 1.0, "shift": 0.0, "mean": mean, "variance": variance}
    return {name: np.full(3, value, SMALL) for name, value in values.items()}


RAW = {
    "Sub and Mul": ([SUB, MUL], BOTH),
    "MXNet's names": ([node("Sub", "input mean", "s", "_minusscalar0"), node("Mul", "s gain", "x", "_mulscalar0")], BOTH),
    "no names": ([node("Sub", "input mean", "s"), node("Mul", "s gain", "x")], BOTH),
    "Sub and Div": ([SUB, node("Div", "s mean", "x")], {"mean": MEAN}),
    "Add of the negative mean": ([node("Add", "input less", "s"), node("Mul", "s gain", "x")], {"less": -MEAN, "gain": GAIN}),
    "Mul, then Add": ([node("Mul", "input gain", "s"), node("Add", "s less", "x")], {"gain": GAIN, "less": -ONE}),
    "Div by 255, then Sub and Div": (
        [node("Div", "input white", "a"), node("Sub", "a half", "b"), node("Div", "b half", "x")],
        {"white": SMALL(255), "half": SMALL(0.5)},
    ),
    "Cast before": ([node("Cast", "input", "c", to=TensorProto.FLOAT), node("Sub", "c mean", "s"), node("Mul", "s gain", "x")], BOTH),
    "Constant nodes": ([constant("mean", 127.5), constant("gain", 1 / 127.5), SUB, MUL], {}),
    "Identity before and of constants": (
        [node("Identity", "input", "i"), node("Identity", "held", "mean"), node("Sub", "i mean", "s"), node("Mul", "s gain", "x")],
        {"held": MEAN, "gain": GAIN},
    ),
    "constants computed from others": (
        [node("Mul", "half white", "mean"), node("Unsqueeze", "line axes", "gain"), SUB, MUL],
        {"half": SMALL(0.5), "white": SMALL(255), "line": np.full((3, 1), GAIN), "axes": np.array([0, 3])},
    ),
    "the shape is read first": ([node("Shape", "input", "shape"), SUB, MUL], BOTH),
    "channel by channel": (
        [
            onnx.helper.make_node("Split", ["input"], ["r", "g", "b"], axis=1),
            *(step for c in "rgb" for step in (node("Sub", f"{c} mean", f"{c}s"), node("Mul", f"{c}s gain", f"{c}x"))),
            node("Concat", "rx gx bx", "x", axis=1),
        ],
        BOTH,
    ),
    "BatchNormalization first": (
        [node("BatchNormalization", "input scale shift mean variance", "x", epsilon=0.0)],
        statistics(127.5, 127.5**2),
    ),
    "channels last": ([CHANNELS_LAST, node("Sub", "nchw mean", "s"), node("Mul", "s gain", "x")], BOTH),
    "channels last, normalised there": (
        [node("Sub", "input mean", "s"), node("Mul", "s gain", "y"), node("Transpose", "y", "x", perm=[0, 3, 1, 2])],
        BOTH,
    ),
    "Clip before": (
        [node("Clip", "input low white", "i"), node("Sub", "i mean", "s"), node("Div", "s mean", "x")],
        {"mean": MEAN, "low": SMALL(0), "white": SMALL(255)},
    ),
    "Dropout before": ([node("Dropout", "input", "i"), node("Sub", "i mean", "s"), node("Mul", "s gain", "x")], BOTH),
    "Pad behind": ([SUB, node("Div", "s mean", "p"), node("Pad", "p none", "x")], {"mean": MEAN, "none": np.zeros(8, np.int64)}),
    "a function": ([onnx.helper.make_node("Prepare", ["input"], ["x"], domain="own")], {}),
    "bytes": ([node("Cast", "input", "c", to=TensorProto.FLOAT), node("Sub", "c mean", "s"), node("Mul", "s gain", "x")], BOTH),
}  # fmt: skip


def recogniser(path: Path, model: onnx.ModelProto, **known: Any) -> Recogniser:
    onnx.save(model, path)
    return load_recogniser(path, ContractOverride.model_validate(known), "cpu")


def with_function(model: onnx.ModelProto) -> onnx.ModelProto:
    """A function that normalises, as a graph may define one."""
    steps = [constant("mean", 127.5), node("Sub", "image mean", "s"), node("Div", "s mean", "prepared")]
    opset = onnx.helper.make_opsetid("", 17)
    model.functions.append(onnx.helper.make_function("own", "Prepare", ["image"], ["prepared"], steps, [opset]))
    model.opset_import.append(onnx.helper.make_opsetid("own", 1))
    return model


def embedded(found: Recogniser) -> Any:
    assert found.embedder is not None
    return found.embedder(IMAGES)


@pytest.mark.parametrize("way", RAW)
def test_a_graph_that_normalises_by_itself_is_not_normalised_twice(way: str, tmp_path: Path) -> None:
    before, constants = RAW[way]
    shape = ("n", 32, 32, 3) if "last" in way else ("n", 3, 32, 32)
    taken = TensorProto.UINT8 if way == "bytes" else None
    model = network(before, reads="x", constants=constants, shape=shape, taken=taken)
    found = recogniser(tmp_path / "m.onnx", with_function(model) if way == "a function" else model)
    assert (found.contract.mean, found.contract.std) == ((0.0,), (1.0,))
    assert found.contract.layout == ("nhwc" if "last" in way else "nchw")
    assert "m.onnx normalises its input itself (" in found.remark
    plain = recogniser(tmp_path / "plain.onnx", network())
    assert "says nothing about its input" in plain.remark
    np.testing.assert_allclose(embedded(found), embedded(plain), atol=1e-4)


def test_a_graph_that_expects_0_to_1(tmp_path: Path) -> None:
    before = [node("Sub", "input mean", "s", "Sub_0"), node("Div", "s std", "x", "Div_0")]
    found = recogniser(tmp_path / "m.onnx", network(before, reads="x", constants={"mean": UNIT[0], "std": UNIT[1]}))
    assert (found.contract.mean, found.contract.std) == ((0.0,), (255.0,))
    plain = recogniser(tmp_path / "plain.onnx", network(), mean=COLOURS[0], std=COLOURS[1])
    np.testing.assert_allclose(embedded(found), embedded(plain), atol=1e-4)


@pytest.mark.parametrize(
    "model",
    [
        network(),
        network([node("Mul", "input one", "x")], reads="x", constants={"one": ONE}),
        network([node("Mul", "input half", "h"), node("Add", "h half", "x")], reads="x", constants={"half": SMALL(0.5)}),  # -1..1 to 0..1
        network(
            [node("Sub", "input small", "h"), node("Div", "h half", "x")], reads="x", constants={"small": SMALL(0.03), "half": SMALL(0.5)}
        ),
        network(
            [node("BatchNormalization", "input scale shift mean variance", "x")],
            reads="x",
            constants={
                "scale": np.ones(3, SMALL),
                "shift": np.zeros(3, SMALL),
                "mean": np.full(3, 0.1, SMALL),
                "variance": np.full(3, 0.3, SMALL),
            },
        ),
        network(behind=[node("Sub", "linear one", "a", "Sub_5"), node("Mul", "a one", "output", "Mul_6")], constants={"one": ONE}),
        network([node("Clip", "input low high", "x")], reads="x", constants={"low": SMALL(-1), "high": ONE}),
    ],
    ids=["plain", "times one", "from -1..1", "a layer's shift", "BatchNormalization of normalised images", "behind the network", "Clip"],
)
def test_what_is_no_normalisation_is_taken_by_the_convention(model: onnx.ModelProto, tmp_path: Path) -> None:
    found = recogniser(tmp_path / "m.onnx", model)
    assert found.contract == InputContract(size=32)
    assert "m.onnx says nothing about its input: taken by the ArcFace convention as RGB, (x - 127.5) / 127.5" in found.remark


def test_what_the_user_says_wins(tmp_path: Path) -> None:
    model = network([SUB, MUL], reads="x", constants=BOTH)
    for known, mean, std in (
        ({"mean": 127.5}, (127.5,), (127.5,)),
        ({"std": 64.0}, (127.5,), (64.0,)),
        ({"mean": 0.0}, (0.0,), (1.0,)),
        ({"color": "bgr"}, (0.0,), (1.0,)),
        ({"mean": [1, 2, 3], "std": 4}, (1.0, 2.0, 3.0), (4.0,)),
    ):
        found = recogniser(tmp_path / "m.onnx", model, **known)
        assert (found.contract.mean, found.contract.std) == (mean, std)
        assert ("yet given, since --set says so" in found.remark) == (mean != (0.0,))


def test_constants_in_another_file_are_read(tmp_path: Path) -> None:
    model = network([SUB, MUL], reads="x", constants={"mean": np.full(1, MEAN), "gain": np.full(1, GAIN)})
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    found = load_recogniser(tmp_path / "m.onnx", ContractOverride(), "cpu")
    assert found.contract.std == (1.0,)


def test_half_bytes_and_double_inputs(tmp_path: Path) -> None:
    plain = embedded(recogniser(tmp_path / "plain.onnx", network()))
    half = recogniser(tmp_path / "half.onnx", network(dtype=np.float16))
    np.testing.assert_allclose(embedded(half), plain, atol=0.05)
    assert embedded(half).dtype == np.float32
    double = network([node("Cast", "input", "x", to=TensorProto.FLOAT)], reads="x", taken=TensorProto.DOUBLE)
    np.testing.assert_allclose(embedded(recogniser(tmp_path / "double.onnx", double)), plain, atol=1e-4)
    cast = [node("Cast", "input", "x", to=TensorProto.FLOAT)]
    byte = recogniser(tmp_path / "byte.onnx", network(cast, reads="x", taken=TensorProto.UINT8))
    assert "byte.onnx takes bytes: given RGB, (x - 0) / 1" in byte.remark
    raw = recogniser(tmp_path / "raw.onnx", network(), mean=0, std=1)
    np.testing.assert_allclose(embedded(byte), embedded(raw), rtol=1e-5, atol=1e-3)
    with pytest.raises(ModelError, match=r"takes bytes, .* leave input\.mean and input\.std out"):
        recogniser(tmp_path / "byte.onnx", network(cast, reads="x", taken=TensorProto.UINT8), mean=127.5)
    with pytest.raises(ModelError, match=r"must be of tensor\(float\), .* it is of tensor\(int32\)"):
        recogniser(tmp_path / "int.onnx", network(cast, reads="x", taken=TensorProto.INT32))


def test_axes_and_sizes(tmp_path: Path) -> None:
    plain = embedded(recogniser(tmp_path / "plain.onnx", network()))
    last = network([CHANNELS_LAST], reads="nchw", shape=["n", 32, 32, 3])
    opened = network([CHANNELS_LAST], reads="nchw", shape=["n", "h", "w", "c"])
    for model, known in ((last, {}), (last, {"layout": "nhwc"}), (opened, {"size": 32})):
        found = recogniser(tmp_path / "m.onnx", model, **known)
        assert found.contract.layout == "nhwc"
        assert "32 x 32, channels last; override" in found.remark
        np.testing.assert_allclose(embedded(found), plain, atol=1e-5)
    with pytest.raises(ModelError, match=r"takes 32 x 32 x 3, the input contract says 3 x 32 x 3"):
        recogniser(tmp_path / "m.onnx", last, layout="nchw")
    tall = recogniser(tmp_path / "m.onnx", network(height=112, width=96))
    assert (tall.contract.size, "96 x 112; override" in tall.remark) == ((112, 96), True)
    free = network(shape=["n", 3, "h", "w"])
    assert recogniser(tmp_path / "m.onnx", free).contract.size == 112
    np.testing.assert_allclose(embedded(recogniser(tmp_path / "m.onnx", free, size=32)), plain, atol=1e-5)
    with pytest.raises(ModelError, match=r"takes 3 x 32 x 32, the input contract says 3 x 64 x 32"):
        recogniser(tmp_path / "m.onnx", network(), size=[64, 32])
