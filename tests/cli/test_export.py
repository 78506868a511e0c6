"""Every format through the commands: the report, the refusals, and how fast each file is."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import onnx
import pytest

Command = Callable[..., Any]


@pytest.fixture
def model(facenas: Command, tmp_path: Path) -> Path:
    found = {"space": "ir", "depth": 10, "width": 8, "operations": ["conv"] * 4, "kernels": [3] * 4}
    (tmp_path / "architecture.json").write_text(
        json.dumps({"architecture": found, "space": {"name": "ir", "embedding_size": None, "input_size": 32}})
    )
    facenas("train", "--config", "smoke", "--set", "epochs=2", "--architecture", "architecture.json", "--run", "m")
    return tmp_path / "m"


def export(facenas: Command, *options: str, code: int = 0) -> Any:
    return facenas("export", "--model", "m", "--check-on", "synthetic", "--json", *options, code=code)


@pytest.mark.slow
@pytest.mark.usefixtures("model")
def test_files_with_their_reports(facenas: Command) -> None:
    expected = facenas("eval", "--model", "m", "--benchmark", "synthetic", "--json").json["synthetic"]["accuracy"]
    for kind, name in {
        "onnx": "model.onnx",
        "onnx-int8": "model-int8.onnx",
        "torchscript": "model.torchscript",
    }.items():
        report = export(facenas, "--format", kind).json
        file = Path(report["file"])
        assert file.name == name and json.loads(file.with_name(f"{name}.json").read_text()) == report
        assert (report["bytes"], report["sha256"]) == (file.stat().st_size, sha256(file.read_bytes()).hexdigest())
        assert report["benchmark"]["before"][""] == expected and report["benchmark"]["unseen_people"] is True
        assert report["benchmark"]["drop"] == pytest.approx(expected - report["benchmark"]["after"][""])
        assert 0.95 < report["parity"]["min_cosine"] <= report["parity"]["mean_cosine"] < 1.000001
        assert set(report["latency_ms"]) == {"torch", "file", "threads"}
    plain = facenas("export", "--model", "m", "--check-on", "synthetic").stdout
    assert "opset 18" in plain and "latency" in plain

    files = ["m", *sorted(str(file) for file in Path("m").glob("*.onnx"))]
    timed = facenas("bench", *files, "--batch", "1", "--batch", "3", "--threads", "1", "--rounds", "1", "--out", "b.json", "--json").json
    assert json.loads(Path("b.json").read_text()) == timed
    assert [(row["model"], row["batch"]) for row in timed["rows"]] == [(file, batch) for batch in (1, 3) for file in files]
    for row in timed["rows"]:
        assert 0 < row["p50_ms"] <= row["p95_ms"] and row["images_per_s"] > 0
    assert "images/s" in facenas("bench", "m/model.onnx", "--batch", "1", "--threads", "1", "--rounds", "1").stdout


@pytest.mark.slow
@pytest.mark.usefixtures("model")
def test_a_model_that_has_seen_everyone_is_compared_with_its_file(facenas: Command) -> None:
    """But not measured."""
    card = json.loads(Path("m/model.json").read_text())
    card["seen"][0] |= {"identities": [f"face{number}" for number in range(23)], "looks": []}
    Path("m/model.json").write_text(json.dumps(card))
    assert (
        "the model was trained on all but 1 of these 24 people"
        in facenas("eval", "--model", "m", "--benchmark", "synthetic", code=1).stderr
    )
    said = export(facenas)
    assert "all but 1 of these 24 people" in said.stderr and "on people that it has seen, the file is compared" in said.stderr
    assert said.json["benchmark"]["unseen_people"] is False and abs(said.json["benchmark"]["drop"]) < 0.01
    plain = facenas("export", "--model", "m", "--check-on", "synthetic").stdout
    assert "synthetic, people that it has seen" in plain


@pytest.mark.slow
def test_a_file_that_loses_too_much_is_not_written(facenas: Command, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Convolutions in the wrong order of channels stand for a quantisation that fails."""
    from facenas.export.int8 import Quantiser

    def spoilt(self: Any, kept: Any) -> onnx.ModelProto:
        copy = onnx.ModelProto()
        copy.CopyFrom(self.model)
        for tensor in copy.graph.initializer:
            values = onnx.numpy_helper.to_array(tensor)
            if values.ndim == 4:
                tensor.CopyFrom(onnx.numpy_helper.from_array(values[::-1].copy(), tensor.name))
        return copy

    monkeypatch.setattr(Quantiser, "__call__", spoilt)
    spoil = ("--format", "onnx-int8", "--set", "format.aim=-1", "--set", "format.least_cosine=-1")
    lost = export(facenas, *spoil).json["benchmark"]["drop"]
    assert lost > 0
    (model / "model-int8.onnx").unlink()
    error = export(facenas, *spoil, "--max-accuracy-drop", str(lost / 2), code=1).stderr
    assert "more than --max-accuracy-drop" in error and "nothing was written" in error
    assert not (model / "model-int8.onnx").exists()
    export(facenas, *spoil, "--max-accuracy-drop", str(lost))


def test_what_cannot_be_is_one_sentence(facenas: Command, tmp_path: Path) -> None:
    assert (
        "pack holds an ONNX file" in facenas("export", "--model", "m", "--format", "torchscript", "--insightface-pack", "p", code=1).stderr
    )
    assert "no ONNX file at" in facenas("bench", "none.onnx", code=1).stderr
    assert "cores" in facenas("bench", "none.onnx", "--threads", "4096", code=1).stderr
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    assert "not a usable ONNX model" in facenas("bench", "bad.onnx", code=1).stderr
