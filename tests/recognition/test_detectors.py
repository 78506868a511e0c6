"""Detectors on real photographs, and YuNet's file through OpenCV itself."""

import http.server
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.data import astronaut, camera

from facenas.data.alignment import align_face, similarity, template
from facenas.errors import DataError, FacenasError, ModelError
from facenas.recognition.detectors import yunet
from facenas.recognition.detectors.yunet import yunet_detector
from facenas.recognition.faces import Detector, Face, chosen, mirrored
from facenas.recognition.landmarks import listed_faces
from tests.recognition.fake_yunet import POINTS, write_fake_yunet

EYES = np.array([(203, 103), (246, 105)])  # the astronaut's, by eye


@pytest.fixture(scope="module")
def dlib_detector() -> Detector:
    from facenas.recognition.detectors.dlib_detector import dlib_detector as make

    return make()


@pytest.mark.extra("dlib")
def test_dlib_finds_the_astronaut_and_nothing_else(dlib_detector: Detector) -> None:
    (face,) = dlib_detector(astronaut(), "")
    assert np.abs(face.points[:2] - EYES).max() < 4
    left, top, width, height = face.box
    assert ((face.points > (left, top)) & (face.points < (left + width, top + height))).all()
    aligned = similarity(face.points, template(112)) @ np.vstack([face.points.T, np.ones(5)])
    assert np.abs(aligned.T - template(112)).max() < 6  # a frontal face lies near the template everywhere
    assert dlib_detector(np.repeat(camera()[..., None], 3, -1), "") == []


@pytest.mark.extra("dlib")
@pytest.mark.parametrize("scale", [0.5, 6.0])
def test_dlib_finds_the_same_points_in_small_and_large_pictures(dlib_detector: Detector, scale: float) -> None:
    picture = cv2.resize(astronaut(), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    (face,) = dlib_detector(picture, "")
    assert np.abs(face.points[:2] / scale - EYES).max() < 5


@pytest.mark.extra("dlib")
def test_dlib_finds_a_face_that_fills_the_picture(dlib_detector: Detector) -> None:
    cut = np.ascontiguousarray(astronaut()[70:175, 175:275])
    (face,) = dlib_detector(cut, "")
    assert np.abs(face.points[:2] + np.array([175, 70]) - EYES).max() < 5


@pytest.mark.parametrize("shape", [(480, 600), (960, 1280), (100, 90)])
def test_yunet_gives_points_of_the_picture_in_the_templates_order(tmp_path: Path, shape: tuple[int, int]) -> None:
    detect = yunet_detector(write_fake_yunet(tmp_path / "yunet.onnx"))
    scale = max(1.0, max(shape) / 640)
    picture, corner, side = np.zeros((*shape, 3), np.uint8), (int(40 * scale), int(24 * scale)), int(8 * scale)
    assert detect(picture, "") == []
    picture[corner[1] : corner[1] + side, corner[0] : corner[0] + side] = 255
    (face,) = detect(picture, "")
    assert np.allclose(face.points, (POINTS * 8 + (40, 24)) * scale, atol=0.01)
    assert not mirrored(face.points)
    assert face.score == pytest.approx(1, abs=1e-3)
    assert np.allclose(face.box[2:], np.exp([2.0, 2.5]) * 8 * scale, atol=0.01)


def test_a_file_that_is_not_yunet(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("hello")
    for name in ("text.onnx", "none.onnx"):
        with pytest.raises(ModelError, match="is not a YuNet that OpenCV can run"):
            yunet_detector(tmp_path / name)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A web server; the folder that it serves."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *arguments: object) -> None:
            (tmp_path / "asked").open("a").write("x")

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        monkeypatch.setattr(yunet, "URL", f"http://127.0.0.1:{served.server_port}/{yunet.NAME}")
        monkeypatch.setenv("FACENAS_CACHE", str(tmp_path / "cache"))
        yield folder
        served.shutdown()
        thread.join()


def test_yunet_is_downloaded_once_and_kept(server: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_fake_yunet(server / yunet.NAME).read_bytes()
    monkeypatch.setattr(yunet, "SHA256", sha256(data).hexdigest())
    monkeypatch.setattr(yunet, "BYTES", len(data))
    for _ in range(2):
        assert yunet_detector()(np.zeros((20, 20, 3), np.uint8), "") == []
    kept = tmp_path / "cache" / "detectors" / yunet.NAME
    assert kept.read_bytes() == data
    assert (tmp_path / "asked").read_text() == "x"
    kept.write_bytes(b"damaged")
    yunet_detector()
    assert kept.read_bytes() == data


def test_another_file_than_expected_is_not_kept(server: Path, tmp_path: Path) -> None:
    (server / yunet.NAME).write_bytes(b"version https://git-lfs.github.com/spec/v1")
    with pytest.raises(DataError, match="is not the expected file, its SHA-256 differs, and was not kept; get"):
        yunet.downloaded()
    (server / yunet.NAME).unlink()
    with pytest.raises(DataError, match=r"cannot be downloaded from http.*404.*--detector-model FILE"):
        yunet.downloaded()
    assert not list((tmp_path / "cache").rglob("*.onnx"))


def test_which_face_is_meant() -> None:
    picture, points = np.zeros((100, 200, 3), np.uint8), template(112)
    small, middle, large = (Face(box, points) for box in ((0, 0, 10, 10), (90, 30, 30, 30), (150, 0, 50, 60)))
    assert chosen([small, middle, large], "largest", picture) == [large]
    assert chosen([small, large, middle], "centre", picture) == [middle]
    assert chosen([small, large, middle], "all", picture) == [large, middle, small]
    assert chosen([], "centre", picture) == []


def test_landmarks_of_a_list(tmp_path: Path) -> None:
    numbers = " ".join(f"{number:.1f}" for number in template(112).ravel())
    file = tmp_path / "list.txt"
    for lines in (
        f"2\nlefteye_x lefteye_y\na/b c.jpg {numbers}\n./d.jpg\t{numbers}\n",
        f"a/b c.jpg,{numbers.replace(' ', ',')}\nd.jpg {numbers}",
    ):
        file.write_text(lines)
        detect = listed_faces(file)
        (face,) = detect(np.zeros((9, 9, 3), np.uint8), "a/b c.jpg")
        assert np.allclose(face.points, template(112), atol=0.1)
        assert len(detect(np.zeros((9, 9, 3), np.uint8), "d.jpg")) == 1
        assert detect(np.zeros((9, 9, 3), np.uint8), "c.jpg") == []


def test_a_list_that_is_none(tmp_path: Path) -> None:
    numbers = template(112).round()
    swapped = numbers[[1, 0, 2, 4, 3]]
    good = "a.jpg " + " ".join(map(str, numbers.ravel()))
    for text, sentence in {
        "": "lists no faces",
        "a.jpg 1 2 3": "lists no faces",
        f"{good}\nb.jpg 1 2 3": "line 2 of .* must have",
        f"{good}\nb.jpg {' '.join(['nan'] * 10)}": "line 2 of .* must have",
        "a.jpg " + " ".join(map(str, swapped.ravel())): "has the points of a mirror image",
    }.items():
        (tmp_path / "list.txt").write_text(text)
        with pytest.raises(FacenasError, match=sentence):
            listed_faces(tmp_path / "list.txt")
    (tmp_path / "list.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FacenasError, match="no text in UTF-8"):
        listed_faces(tmp_path / "list.txt")
    with pytest.raises(FacenasError, match="no list of landmarks"):
        listed_faces(tmp_path / "none.txt")


@pytest.mark.parametrize("turn", range(0, 360, 45))
def test_a_turned_face_is_not_mirrored(turn: int) -> None:
    angle = np.deg2rad(turn)
    turned = template(112) @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    assert not mirrored(turned)
    assert mirrored(turned * (-1, 1))
    assert align_face(np.full((200, 200, 3), 7, np.uint8), turned + 100).shape == (112, 112, 3)
