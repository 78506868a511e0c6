"""Features of photographs: their order, mirror images, cache, and the embedders of ONNX files."""

import time
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from facenas.data import InputContract
from facenas.errors import DataError, ModelError, NotFiniteError
from facenas.eval import extract, kept, onnx_embedder, onnx_session, torch_embedder, unit
from facenas.eval.extraction import Features

COUNT, SIDE = 23, 6
IMAGES = np.random.default_rng(0).integers(256, size=(COUNT, SIDE, SIDE, 3), dtype=np.uint8)
WEIGHTS = np.random.default_rng(1).normal(size=(SIDE, SIDE, 3, 5)).astype(np.float32)
BATCHES = list[int]()


def embed(images: np.ndarray) -> np.ndarray:
    """Of each picture alone, and not the same for its mirror image."""
    BATCHES.append(len(images))
    return np.stack([(image[..., None] * WEIGHTS).sum((0, 1, 2)) for image in images]).astype(np.float32)


def image(row: int) -> np.ndarray:
    time.sleep(0.002 * (row % 3 == 0))  # so that later ones are ready first
    return IMAGES[row]


@pytest.mark.parametrize("workers", [1, 4, None])
@pytest.mark.parametrize("batch_size", [1, 5, 8, 23, 64])
@pytest.mark.parametrize("flip", [True, False])
def test_features_are_in_order_whatever_the_batches_and_workers(batch_size: int, workers: int | None, flip: bool) -> None:
    BATCHES.clear()
    done = list[int]()
    found = extract(embed, image, COUNT, batch_size=batch_size, flip=flip, workers=workers, after_batch=done.append)
    sizes = [min(batch_size, COUNT - start) for start in range(0, COUNT, batch_size)]
    assert done == sizes
    assert [(1 + flip) * size for size in sizes] == BATCHES
    expected = embed(IMAGES) + embed(IMAGES[:, :, ::-1]) if flip else embed(IMAGES)
    assert np.array_equal(found.values, expected)
    assert not found.from_cache


def test_equal_pixels_have_one_hash_and_others_another() -> None:
    def told(images: np.ndarray, **options: int) -> str:
        return extract(embed, lambda row: images[row], len(images), **options).data_sha256

    changed = IMAGES.copy()
    changed[7, 1, 2, 0] ^= 1
    layout = np.asfortranarray(IMAGES)
    assert told(IMAGES) == told(layout) == told(IMAGES, batch_size=3, workers=1)
    assert len({told(IMAGES), told(changed), told(IMAGES[::-1]), told(IMAGES[:-1])}) == 4


def test_no_more_than_a_few_batches_are_decoded_ahead() -> None:
    asked, computed, most = list[int](), list[int](), 0

    def watched(row: int) -> np.ndarray:
        asked.append(row)
        return IMAGES[row % COUNT]

    def slow(images: np.ndarray) -> np.ndarray:
        nonlocal most
        time.sleep(0.005)
        most = max(most, len(asked) - len(computed))
        computed.extend(range(len(images)))
        return embed(images)

    extract(slow, watched, 80, batch_size=4, flip=False)
    assert 4 < most <= 5 * 4


def test_an_error_in_decoding_comes_through_and_ends_the_decoding() -> None:
    asked = list[int]()

    def damaged(row: int) -> np.ndarray:
        asked.append(row)
        if row == 9:
            raise DataError("picture 9 is damaged")
        return IMAGES[row % COUNT]

    with pytest.raises(DataError, match="picture 9 is damaged"):
        extract(embed, damaged, 1000, batch_size=4)
    assert len(asked) < 40


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(wrong: float) -> None:
    def broken(images: np.ndarray) -> np.ndarray:
        return np.where(np.arange(len(images))[:, None] == 2, np.float32(wrong), embed(images))

    with pytest.raises(NotFiniteError, match="not finite"):
        extract(broken, image, COUNT, flip=False)


def test_unit_length() -> None:
    features = np.random.default_rng(2).normal(size=(9, 5)).astype(np.float32) * 100
    features[4] = 0
    lengths = np.linalg.norm(unit(features), axis=1)
    assert unit(features).dtype == np.float32
    assert lengths == pytest.approx([1] * 4 + [0] + [1] * 4, abs=1e-6)


class Computing:
    """Counts how often features are computed."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> Features:
        self.times += 1
        return Features(np.random.default_rng(3).normal(size=(50, 4)).astype(np.float32), "abc")


def test_what_was_computed_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACENAS_CACHE", str(tmp_path))
    compute = Computing()
    first, second = kept("a", compute), kept("a", compute)
    assert (compute.times, first.from_cache, second.from_cache) == (1, False, True)
    assert np.array_equal(first.values, second.values) and second.data_sha256 == "abc"
    kept("b", compute)
    assert compute.times == 2


def test_damaged_files_are_computed_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACENAS_CACHE", str(tmp_path))
    rng, compute = np.random.default_rng(4), Computing()
    first = kept("a", compute)
    damages = [b"", b"PK\x03\x04 no archive", b"null", b"[]", b"{", b'"\xff"', b'{"data_sha256": "abc"}']
    for path in tmp_path.rglob("*.*"):
        whole = path.read_bytes()
        damages += [whole[:cut] for cut in (1, 9, 60, len(whole) // 2, len(whole) - 1)] + [whole + b"x"]
        for place in rng.integers(len(whole), size=40):
            damages.append(whole[:place] + bytes([whole[place] ^ rng.integers(1, 256, dtype=np.uint8)]) + whole[place + 1 :])
        for damage in damages:
            path.write_bytes(damage)
            times, found = compute.times, kept("a", compute)
            assert np.array_equal(found.values, first.values) and found.from_cache == (compute.times == times)
            assert compute.times == times + 1 or path.suffix == ".json"
            assert kept("a", compute).from_cache
        path.unlink()
        assert not kept("a", compute).from_cache


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FACENAS_CACHE", str(tmp_path / "file"))
    compute = Computing()
    assert not kept("a", compute).from_cache and not kept("a", compute).from_cache
    assert compute.times == 2


def save(path: Path, nodes: list[onnx.NodeProto], outputs: dict[str, list[int | str]], batch: int | str) -> Path:
    pictures = helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 3, SIDE, SIDE])
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()]
    model = helper.make_model(
        helper.make_graph(nodes, "small", [pictures], values), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


MEAN = helper.make_node("ReduceMean", ["images"], ["feature"], axes=[2, 3], keepdims=0)
NORM = helper.make_node("ReduceL2", ["feature"], ["norm"], axes=[1], keepdims=1)
DIRECTION = helper.make_node("Div", ["feature", "norm"], ["direction"])


@pytest.mark.parametrize("batch", ["n", 1, 4, 64])
def test_an_onnx_model_of_any_batch_sees_the_contracts_picture(batch: int | str, tmp_path: Path) -> None:
    contract = InputContract(size=SIDE, color="bgr", mean=(100.0, 110.0, 120.0), std=(50.0, 60.0, 70.0))
    session = onnx_session(save(tmp_path / "m.onnx", [MEAN], {"feature": [batch, 3]}, batch))
    expected = (IMAGES[..., ::-1].mean((1, 2)) - [100, 110, 120]) / [50, 60, 70]
    for count in (1, 3, 4, 5, COUNT):
        found = onnx_embedder(session, contract)(IMAGES[:count])
        assert (found.dtype, found.shape) == (np.float32, (count, 3))
        np.testing.assert_allclose(found, expected[:count], atol=1e-5)


@pytest.mark.parametrize("batch", ["n", 4])
def test_adafaces_direction_and_norm_make_the_feature(batch: int | str, tmp_path: Path) -> None:
    outputs: dict[str, list[int | str]] = {"direction": [batch, 3], "norm": [batch, 1]}
    session = onnx_session(save(tmp_path / "m.onnx", [MEAN, NORM, DIRECTION], outputs, batch))
    found = onnx_embedder(session, InputContract(size=SIDE))(IMAGES)
    np.testing.assert_allclose(found, IMAGES.mean((1, 2)) / 127.5 - 1, atol=1e-6)


def test_an_onnx_model_with_other_inputs_or_outputs_is_refused(tmp_path: Path) -> None:
    whole = helper.make_node("ReduceSum", ["norm"], ["sum"], keepdims=0)
    refused: list[tuple[list[onnx.NodeProto], dict[str, list[int | str]]]] = [
        ([MEAN, NORM, DIRECTION], {"norm": ["n", 1], "direction": ["n", 3]}),
        ([MEAN, NORM, DIRECTION], {"direction": ["n", 3], "norm": ["n", 1], "feature": ["n", 3]}),
        ([MEAN, NORM, whole], {"feature": ["n", 3], "sum": []}),
    ]
    for nodes, outputs in refused:
        with pytest.raises(ModelError, match="one output \\(B, D\\), or AdaFace's two, direction and norm"):
            onnx_session(save(tmp_path / "m.onnx", nodes, outputs, "n"))
    (tmp_path / "m.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match="not a usable ONNX model"):
        onnx_session(tmp_path / "m.onnx")


def test_a_torch_network_is_in_evaluation_mode_and_sees_the_contracts_picture() -> None:
    network = torch.nn.Sequential(torch.nn.AvgPool2d(SIDE), torch.nn.Flatten(), torch.nn.Dropout(0.9)).train()
    found = torch_embedder(network, InputContract(size=SIDE, color="bgr"), torch.device("cpu"))(IMAGES[:, :, ::-1])
    np.testing.assert_allclose(found, IMAGES[..., ::-1].mean((1, 2)) / 127.5 - 1, atol=1e-5)
