"""docs/use.md as a reader follows it."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from facenas.data import OrlFaces
from tests.conftest import save_random_model

Command = Callable[..., Any]
PAGE = (Path(__file__).parents[1] / "docs" / "use.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A model, photographs of ten people in folders, two of one person, and a group."""
    save_random_model(tmp_path / "model", alignment="arcface")
    faces = OrlFaces().load(112)
    upright = {row: cv2.resize(faces.image(row)[..., ::-1], (184, 224)) for row in range(100) if row % 10 < 6}
    for row, picture in upright.items():
        folder = tmp_path / "photographs" / faces.names[faces.identities[row]]
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{row % 10}.jpg"), picture)
    for name, pictures in {"a": [upright[0]], "b": [upright[1]], "party": [upright[20], upright[30], upright[40]]}.items():
        room = [cv2.copyMakeBorder(picture, 40, 40, 40, 40, cv2.BORDER_REPLICATE) for picture in pictures]
        cv2.imwrite(str(tmp_path / f"{name}.jpg"), np.concatenate(room, axis=1))
    return tmp_path


@pytest.mark.extra("dlib")
def test_the_commands_and_the_python_of_the_page(facenas: Command, place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    commands = [shlex.split(line, comments=True)[1:] for block in blocks("sh") for line in block.splitlines()]
    assert [command[0] for command in commands] == ["align", "eval", "compare", "embed", "gallery", "identify", "demo"]
    said = {command[0]: facenas(*command).stdout for command in commands[:-1]}
    assert re.search(r"\d\d faces of 60 pictures", said["align"])
    assert re.match(
        r"(one person|different people): score \S+, threshold \S+ \(FAR 0.01 on folder, aligned, 60 photographs, with", said["compare"]
    )
    assert len(np.load("embeddings.npy")) == int(said["align"].split()[0])
    assert "10 people from" in said["gallery"]
    assert "face 3: " in said["identify"]
    (python,) = blocks("python")
    exec(compile(python, "use.md", "exec"), {})  # as it stands on the page
    assert capfd.readouterr().out.startswith(said["compare"].split(":")[0])
