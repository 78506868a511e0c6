"""Files with checksums: what is damaged is refused, what has none is read as before there were any."""

from pathlib import Path

import pytest
import torch

from facenas.data import OrlFaces
from facenas.data.formats.onnx_seal import is_changed
from facenas.errors import DataError
from facenas.export.onnx import save_onnx
from facenas.files import DamagedError, read_checked_json, read_sealed, write_checked_json, write_sealed


def test_every_damaged_byte_is_noticed(tmp_path: Path) -> None:
    content, file = bytes(range(200)), tmp_path / "file"
    write_sealed(file, content)
    assert read_sealed(file) == content
    whole = file.read_bytes()
    for place in range(len(content)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(DamagedError, match="its content is not what was written"):
            read_sealed(file)
    file.write_bytes(content)
    assert read_sealed(file) == content


def test_torch_reads_a_sealed_checkpoint(tmp_path: Path) -> None:
    torch.save({"a": torch.arange(5)}, tmp_path / "plain.pt")
    write_sealed(tmp_path / "sealed.pt", (tmp_path / "plain.pt").read_bytes())
    assert torch.equal(torch.load(tmp_path / "sealed.pt", weights_only=True)["a"], torch.arange(5))


def test_json(tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    write_checked_json(file, {"a": [0.1, None], "b": {"é": 1}})
    assert read_checked_json(file) == {"a": [0.1, None], "b": {"é": 1}}
    file.write_text(file.read_text().replace("0.1", "0.2"))
    with pytest.raises(DamagedError, match="its content is not what was written"):
        read_checked_json(file)
    file.write_text('{"a": 1}')
    assert read_checked_json(file) == {"a": 1}
    for text in ("", "[1]", "{", "[" * 100_000):
        file.write_text(text)
        with pytest.raises(DamagedError):
            read_checked_json(file)


def test_json_that_people_edit_is_read_and_told_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "model.json"
    write_checked_json(file, {"mean": 127.5})
    assert read_checked_json(file, edited=True) == {"mean": 127.5}
    assert not caplog.messages
    file.write_text(file.read_text().replace("127.5", "137.5"))
    assert read_checked_json(file, edited=True) == read_checked_json(file, edited=True) == {"mean": 137.5}
    (said,) = caplog.messages
    assert said == f"{file} is not what facenas wrote: it was edited, or is damaged; if it was edited, remove its line 'sha256'"


def test_a_damaged_onnx_file_is_told_of(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Relu", ["input"], ["output"])], "g",
        *([onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", 3, 8, 8])] for name in ("input", "output")),
    )  # fmt: skip
    file, key = tmp_path / "a.onnx", "facenas.sha256"
    save_onnx(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10), file, {"facenas": "{}"})
    assert not is_changed(file)
    assert [one.key for one in onnx.load(str(file)).metadata_props] == ["facenas", key]
    again = onnx.load(str(file))
    again.metadata_props.pop()
    onnx.save(again, str(tmp_path / "other.onnx"))
    assert not is_changed(tmp_path / "other.onnx")
    flip(file, 20)
    assert is_changed(file)


def test_a_decoded_photograph_that_was_changed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACENAS_CACHE", str(tmp_path))
    source = OrlFaces(decoded=True)
    (file,) = source.open(32).photographs.files()
    flip(file, file.stat().st_size - 1)
    again = source.open(32)
    again.image(0)
    with pytest.raises(DataError, match="is damaged at photograph 399; remove it and run the command again"):
        again.image(399)


def flip(file: Path, at: int) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)
