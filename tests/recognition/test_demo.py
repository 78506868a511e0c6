"""The page, as a browser asks it: through a real server."""

import json
import os
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest

from facenas.data import InputContract
from facenas.data.faces import Images
from facenas.data.formats.picture_files import pictures_below
from facenas.errors import DataError
from facenas.recognition import FaceModel
from facenas.recognition.aligning import Alignment
from facenas.recognition.demo import Page, make_page, serve
from facenas.recognition.embedding import embed_pictures
from facenas.recognition.gallery import build_gallery
from facenas.recognition.thresholds import Threshold

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def client() -> ModuleType:
    import gradio_client

    return gradio_client


def colour(images: Images) -> np.ndarray:
    """A model that knows pictures by their colour."""
    return images.reshape(len(images), -1, 3).astype(np.float32).mean(axis=1) - 100


@pytest.fixture(scope="module")
def page(client: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A served page with a gallery of two, and the folder of pictures."""
    root = tmp_path_factory.mktemp("page")
    (root / "people").mkdir()
    for name, bgr in (("red", (0, 0, 255)), ("blue", (255, 0, 0))):
        cv2.imwrite(str(root / "people" / f"{name}.png"), np.full((40, 40, 3), bgr, np.uint8))
    model = FaceModel(root / "model", InputContract(size=32), "hash", "", colour)
    alignment = Alignment()
    gallery = build_gallery(embed_pictures(model, list(pictures_below(root / "people")), None, alignment), model, alignment)
    blocks = make_page(Page(model, None, alignment, Threshold(0.9, 0.001, "lfw", 6000), gallery))
    yield serve(blocks, block=False), root
    blocks.close()


@pytest.mark.extra("demo")
def test_two_pictures_are_compared(client: ModuleType, page: tuple[str, Path]) -> None:
    address, root = page
    asking = client.Client(address, verbose=False)
    red, blue = (client.handle_file(root / "people" / f"{name}.png") for name in ("red", "blue"))
    said, faces = asking.predict(red, red, api_name="/compare")
    assert said == "## One person\nScore 1.000, threshold 0.900 (FAR 0.001 on lfw with 6,000 pairs)."
    assert cv2.imread(faces if isinstance(faces, str) else faces["path"]).shape == (32, 80, 3)
    assert asking.predict(red, blue, api_name="/compare")[0].startswith("## Different people")


@pytest.mark.extra("demo")
def test_a_picture_is_found_in_the_gallery(client: ModuleType, page: tuple[str, Path]) -> None:
    address, root = page
    asking = client.Client(address, verbose=False)
    said, _, people = asking.predict(client.handle_file(root / "people" / "red.png"), api_name="/identify")
    assert said.startswith("## Known as `red`\nBest score 1.000")
    assert people["data"][0] == ["red", "1.000"]
    cv2.imwrite(str(root / "green.png"), np.full((40, 40, 3), (0, 255, 0), np.uint8))
    assert asking.predict(client.handle_file(root / "green.png"), api_name="/identify")[0].startswith("## Unknown")


@pytest.mark.extra("demo")
def test_what_is_no_picture_is_said_on_the_page(client: ModuleType, page: tuple[str, Path], capfd: pytest.CaptureFixture[str]) -> None:
    address, root = page
    asking = client.Client(address, verbose=False)
    (root / "text.png").write_text("hello")
    said, nothing = asking.predict(client.handle_file(root / "text.png"), None, api_name="/compare")
    assert said.startswith("text.png shows no usable face: is no picture of a kind that is read")
    assert nothing is None
    assert asking.predict(None, None, api_name="/compare")[0] == "Give a picture first"
    assert "Traceback" not in "".join(capfd.readouterr())


@pytest.mark.extra("demo")
def test_a_file_that_was_not_uploaded_is_not_read(page: tuple[str, Path]) -> None:
    address, root = page
    for path in ("/etc/passwd", str(root / "people" / "red.png"), "https://127.0.0.1:1/x.png"):
        body = json.dumps({"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}]}).encode()
        request = urllib.request.Request(f"{address}gradio_api/call/identify", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            event = json.load(answer)["event_id"]
        with urllib.request.urlopen(f"{address}gradio_api/call/identify/{event}") as answer:
            said = answer.read().decode()
        assert "event: error" in said
        assert "Known" not in said
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{address}gradio_api/file={root / 'people' / 'red.png'}")


@pytest.mark.extra("demo")
def test_the_page_is_for_this_machine_and_loads_nothing_from_elsewhere(page: tuple[str, Path]) -> None:
    address, _ = page
    assert address.startswith("http://127.0.0.1:")
    port = int(address.rstrip("/").rsplit(":", 1)[1])
    with urllib.request.urlopen(address) as answer:
        assert answer.headers["content-security-policy"].startswith("default-src 'self'")
        assert b"fonts.googleapis" not in answer.read()
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
    others = {entry[4][0] for entry in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)} - {"127.0.0.1", "127.0.1.1"}
    for other in others:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((other, port), timeout=2)


@pytest.mark.extra("demo")
def test_a_port_that_is_taken(client: ModuleType, page: tuple[str, Path]) -> None:
    model = FaceModel(Path("model"), InputContract(), "hash", "", colour)
    port = int(page[0].rstrip("/").rsplit(":", 1)[1])
    with pytest.raises(DataError, match=r"cannot be served: .*; give another --port"):
        serve(make_page(Page(model, None, Alignment(), None, None)), port=port, block=False)


def test_without_a_threshold_there_is_no_verdict(tmp_path: Path) -> None:
    model = FaceModel(Path("model"), InputContract(size=32), "hash", "", colour)
    cv2.imwrite(str(tmp_path / "a.png"), np.full((40, 40, 3), 200, np.uint8))
    said, _ = Page(model, None, Alignment(), None, None).compare(str(tmp_path / "a.png"), str(tmp_path / "a.png"))
    assert said == "## Score 1.000\nNo threshold is known for this model."


@pytest.mark.extra("demo")
def test_the_page_needs_a_model(facenas: Command, client: ModuleType) -> None:
    assert "the page needs a model" in facenas("demo", code=1).stderr
    assert "no gallery in none" in facenas("demo", "--gallery", "none", code=1).stderr
