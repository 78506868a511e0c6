from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

from facenas.backbones import IRSpace
from facenas.data import InputContract, SyntheticFaces
from facenas.export import ExportError, export_onnx

IMAGES = SyntheticFaces(people=4, photographs=2, test_people=0).load(32).images
CONTRACT = InputContract(size=32)


def test_file_has_a_dynamic_batch_metadata_and_everything_inside(tmp_path: Path) -> None:
    space = IRSpace(embedding_size=24, input_size=32)
    torch.manual_seed(0)
    network = space.build(space.start(depth=10, width=8))
    parity = export_onnx(network, tmp_path / "m.onnx", contract=CONTRACT, images=IMAGES, metadata={"facenas": "{}"})
    assert parity.images == 8
    assert parity.min_cosine > 0.999999
    model = onnx.load(tmp_path / "m.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]
    assert {entry.key: entry.value for entry in model.metadata_props}["facenas"] == "{}"
    shape = model.graph.input[0].type.tensor_type.shape.dim
    assert shape[0].dim_param
    assert [dimension.dim_value for dimension in shape[1:]] == [3, 32, 32]
    assert len(model.graph.output) == 1


def test_a_file_that_does_not_agree_is_refused_and_removed(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 4))
    nn.init.zeros_(network[1].weight)
    nn.init.zeros_(network[1].bias)
    with pytest.raises(ExportError, match="differs from torch"):
        export_onnx(network, tmp_path / "m.onnx", contract=CONTRACT, images=IMAGES, metadata={})
    assert list(tmp_path.iterdir()) == []
