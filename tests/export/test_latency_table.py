"""Latencies measured once on a machine."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from torch import nn

from facenas.backbones import IRSpace, PlainSpace
from facenas.errors import SettingsError
from facenas.export import LatencyTable, Target, latency_table
from facenas.export.latency_table import parts

ONE = Target.of("onnxruntime-cpu-1thread")
BOUNDS = {"depths": [10, 12], "widths": [8]}


def test_targets() -> None:
    assert Target.of("onnxruntime-cpu-4threads") == Target("onnxruntime-cpu", 4)
    assert Target.of("torch-cpu-1thread") == Target("torch-cpu", 1) and Target.of("torch-cuda") == Target("torch-cuda", 0)
    for name in ("onnxruntime-cpu", "onnxruntime-cpu-0threads", "cuda", "torch-cuda-2threads"):
        with pytest.raises(SettingsError, match="unknown latency target"):
            Target.of(name)
    if not torch.cuda.is_available():
        with pytest.raises(SettingsError, match="torch-cuda needs a GPU here"):
            LatencyTable(Target.of("torch-cuda"))


@pytest.mark.parametrize("space", [IRSpace(input_size=32, embedding_size=8), IRSpace(input_size=32, output="gdc"), PlainSpace()])
def test_the_parts_one_after_the_other_are_the_network(space: IRSpace | PlainSpace) -> None:
    architecture, image = space.sample(Random(1), **BOUNDS), torch.rand(2, 3, 32, 32)
    network = space.build(architecture).eval()
    found, x = parts(network, (3, 32, 32)), image
    for part in found:
        assert tuple(x.shape[1:]) == part.shape
        x = part.modules(x)
    torch.testing.assert_close(x, network(image))
    assert len(found) == len(architecture.operations) + 2
    assert len({part.key for part in found}) == len({(repr(part.modules), part.shape) for part in found})


def test_what_was_measured_is_not_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def measure(network: nn.Module, shape: tuple[int, ...], target: Target) -> float:
        asked.append(shape[0])
        return float(len(asked))

    monkeypatch.setattr(latency_table, "measure_latency", measure)
    table, network = LatencyTable(ONE, tmp_path), nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1))
    image: Any = {"shape": (3, 8, 8), "content": "a"}
    assert table.predicted(network, (3, 8, 8)) == 1 + 2 + 2  # the last two are alike
    assert table.whole(network, **image) == table.whole(network, **image) == 3
    again = LatencyTable(ONE, tmp_path)
    assert again.predicted(network, (3, 8, 8)) == 5 and again.whole(network, **image) == 3
    assert asked == [3, 4, 3]
    assert LatencyTable(Target.of("onnxruntime-cpu-2threads"), tmp_path).path != table.path
    assert json.loads(table.path.read_text())["machine"]["threads"] == "1"
    table.path.write_text("{")
    assert LatencyTable(ONE, tmp_path).predicted(network, (3, 8, 8)) == 4 + 5 + 5


def test_several_writers_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency_table, "measure_latency", lambda network, shape, target: float(shape[0]))
    tables = [LatencyTable(ONE, tmp_path) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: tables[number].whole(nn.ReLU(), shape=(number + 1,), content=str(number)), range(8)))
    assert sorted(LatencyTable(ONE, tmp_path).known.values()) == list(range(1, 9))


@pytest.mark.parametrize("target", ["onnxruntime-cpu-1thread", "torch-cpu-1thread"])
def test_the_sum_is_near_the_whole(tmp_path: Path, target: str) -> None:
    space = IRSpace(input_size=64, embedding_size=None, output="gdc")
    network = space.build(space.start(depth=10, width=32))
    table = LatencyTable(Target.of(target), tmp_path)
    assert table.predicted(network, (3, 64, 64)) == pytest.approx(table.whole(network, shape=(3, 64, 64), content="a"), rel=0.6)
