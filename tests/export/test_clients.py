"""One file with its input baked in is right in the programs that people deploy with, on real faces.

insightface asks for `opencv-python`, which writes the same `cv2` folder as the headless build that facenas needs; so it is no extra of
facenas. It works with the headless build: `pip install insightface --no-deps`, as `.ci/run` does.
"""

from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from facenas.data import InputContract, OrlFaces
from facenas.export import export_network
from facenas.export.insightface_pack import is_read, write_pack
from tests.eval.onnx_graphs import network
from tests.export.trained import small_face_network

CONTRACT = InputContract(color="bgr", mean=(120.0, 110.0, 100.0), std=(60.0, 50.0, 70.0))
needs_insightface = pytest.mark.extra("insightface")  # the real client


@pytest.fixture(scope="module")
def faces() -> NDArray[np.uint8]:
    """Six people, tinted, so that a wrong order of channels shows."""
    grey = OrlFaces().load(112).images[::60][:6].astype(np.float32)
    return np.clip(grey * [1.0, 0.8, 0.6], 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def files(faces: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    network, folder = small_face_network(112, faces, CONTRACT), tmp_path_factory.mktemp("files")
    made: dict[str, Path] = {}
    for kind in ("onnx", "onnx-int8"):
        made[kind] = folder / f"{kind}.onnx"
        export_network(network, made[kind], kind=kind, contract=CONTRACT, raw=True, images=faces)
    with torch.inference_mode():
        np.save(folder / "expected.npy", network(CONTRACT.prepare(torch.from_numpy(faces).permute(0, 3, 1, 2))).numpy())
    return made


def cosines(files: dict[str, Path], given: NDArray[np.float32]) -> NDArray[np.float64]:
    expected = np.load(files["onnx"].with_name("expected.npy"))
    assert given.shape == expected.shape
    return (expected * given).sum(1) / (np.linalg.norm(expected, axis=1) * np.linalg.norm(given, axis=1))


def bgr(faces: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    return [np.ascontiguousarray(face[..., ::-1]) for face in faces]


def test_onnxruntime(files: dict[str, Path], faces: NDArray[np.uint8]) -> None:
    session = onnxruntime.InferenceSession(files["onnx"])
    given = session.run(None, {"input": faces.transpose(0, 3, 1, 2).astype(np.float32)})[0]
    assert cosines(files, given).min() > 0.99999


@needs_insightface
def test_insightface_by_the_file(files: dict[str, Path], faces: NDArray[np.uint8]) -> None:
    from insightface.model_zoo import get_model

    model = get_model(str(files["onnx"]), providers=["CPUExecutionProvider"])
    assert (model.input_mean, model.input_std) == (0.0, 1.0)
    assert cosines(files, model.get_feat(bgr(faces))).min() > 0.9999
    integers = get_model(str(files["onnx-int8"]), providers=["CPUExecutionProvider"])
    assert (integers.input_mean, integers.input_std) == (0.0, 1.0)
    assert cosines(files, integers.get_feat(bgr(faces))).min() > 0.95


@needs_insightface
def test_insightface_by_the_pack(files: dict[str, Path], faces: NDArray[np.uint8], tmp_path: Path) -> None:
    from insightface.model_zoo import get_model

    pack = tmp_path / "my model"
    write_pack(pack, files["onnx"], size=112, dimension=24)
    (pack / "MODEL.LICENSE").write_text("mine")
    write_pack(pack, files["onnx"], size=112, dimension=24)
    assert (pack / "MODEL.LICENSE").read_text() == "mine"
    assert sorted(file.name for file in pack.iterdir()) == ["MODEL.LICENSE", "manifest.json", "onnx.onnx"]
    model = get_model(str(pack), model_task="recognition", providers=["CPUExecutionProvider"])
    assert model.preprocessing == "embedded"
    assert cosines(files, model.get_feat(bgr(faces))).min() > 0.9999


def test_opencv_s_recogniser(files: dict[str, Path], faces: NDArray[np.uint8]) -> None:
    model = cv2.FaceRecognizerSF.create(str(files["onnx"]), "")
    given = np.concatenate([model.feature(face) for face in bgr(faces)])
    assert cosines(files, given).min() > 0.9999


def test_opencv_s_networks(files: dict[str, Path], faces: NDArray[np.uint8]) -> None:
    network = cv2.dnn.readNetFromONNX(str(files["onnx"]))
    given = []
    for face in bgr(faces):
        network.setInput(cv2.dnn.blobFromImage(face, swapRB=True))
        given.append(network.forward())
    assert cosines(files, np.concatenate(given)).min() > 0.9999


@needs_insightface
def test_sizes_that_insightface_ignores(tmp_path: Path) -> None:
    from insightface.model_zoo import get_model

    for size in (96, 112, 120, 128, 192, (112, 96)):
        height, width = size if isinstance(size, tuple) else (size, size)
        onnx.save(network(height=height, width=width), tmp_path / "m.onnx")
        model = get_model(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
        assert (type(model).__name__ == "ArcFaceONNX") == is_read(size)
