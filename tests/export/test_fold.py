"""Networks whose BatchNorms are folded compute what they computed."""

from collections import Counter

import pytest
import timm
import torch
from torch import fx, nn

from facenas.backbones import IRSpace, PlainSpace
from facenas.export.fold import folded
from tests.export.trained import shaken


def operations(graph: fx.GraphModule) -> Counter[str]:
    return Counter(node.target.__name__.split(".")[0] for node in graph.graph.nodes if node.op == "call_function")


def difference(network: nn.Module, graph: fx.GraphModule, size: int) -> float:
    images = torch.randn(5, 3, size, size)
    with torch.inference_mode():
        expected, given = network(images), graph(images)
    return float((expected - given).abs().max() / expected.abs().max())


@pytest.mark.parametrize("kind", ["conv", "sep"])
@pytest.mark.parametrize("output", ["flatten", "gdc"])
def test_no_batch_norm_is_left_in_a_face_network(kind: str, output: str) -> None:
    space = IRSpace(embedding_size=24, input_size=32, output=output)
    network = shaken(space.build(space.start(depth=18, width=8).replace(operations=(kind,) * 8)))
    graph = folded(network, torch.zeros(2, 3, 32, 32))
    found = operations(graph)
    assert found["batch_norm"] == 0 and found["dropout"] == 0
    assert found["sub"] == 1  # after the first PReLU, whose output nothing constant is added to
    assert found["add"] == 8
    assert difference(network, graph, 32) < 1e-5


def test_a_channel_whose_scale_is_almost_zero_keeps_its_batch_norm() -> None:
    space = IRSpace(embedding_size=24, input_size=32)
    network = shaken(space.build(space.start(depth=10, width=8)))
    network[4].residual[0].weight.data[3] = 1e-7
    graph = folded(network, torch.zeros(2, 3, 32, 32))
    assert operations(graph)["batch_norm"] == 1
    assert difference(network, graph, 32) < 1e-5


def test_other_networks() -> None:
    plain = PlainSpace()
    for network in (plain.build(plain.start(depth=6, width=8)), timm.create_model("mobilenetv3_small_050", num_classes=16)):
        shaken(network)
        graph = folded(network, torch.zeros(2, 3, 32, 32))
        assert difference(network, graph, 32) < 1e-4


def test_batch_norm_before_a_padded_convolution_is_exact_at_the_border() -> None:
    network = shaken(
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.BatchNorm2d(8), nn.Conv2d(8, 4, 3, padding=1, groups=2))
    )
    graph = folded(network, torch.zeros(2, 3, 8, 8))
    assert operations(graph) == Counter(conv2d=2, relu=1, sub=1)
    assert difference(network, graph, 8) < 1e-5
