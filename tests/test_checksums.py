"""Files with checksums: what is damaged is refused, what has none is read as before there were any."""

from pathlib import Path

import pytest
import torch

from facenas.data import OrlFaces
from facenas.errors import DataError
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
