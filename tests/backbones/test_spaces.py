"""What holds of every space that is registered, a new one too; and of ours alone."""

from random import Random
from typing import Any

import pytest
import torch
from torch import nn

from facenas.backbones import SPACES, Architecture, CellSpace, IRSpace, NetworkSection, PlainSpace, RefinedSpace, SpaceSection, timm_space
from facenas.errors import ModelError
from facenas.testing import NetworkContract, SpaceContract

CHAINS = [
    PlainSpace(in_channels=3, num_classes=10, input_size=32),
    PlainSpace(in_channels=1, num_classes=47, input_size=28),
    IRSpace(embedding_size=None, input_size=32),
    IRSpace(embedding_size=64, input_size=48, output="gdc"),
]
OTHERS = [
    RefinedSpace(base="ir18", width=8, input_size=32, embedding_size=16, operators=("conv3", "conv5", "depthwise3", "max3")),
    RefinedSpace(base="resnet18", width=8, input_size=16, num_classes=5, positions_per="unit"),
    CellSpace(depth=3, channels=4, input_size=16, num_classes=5),
    CellSpace(operators="darts", groups=1, shape="ir", depth=5, channels=8, input_size=16, embedding_size=16, output="gdc"),
]
HAND_MADE = [
    timm_space("test_efficientnet", input_size=48, embedding_size=64),
    timm_space("test_resnet", input_size=64, embedding_size=32, output="flatten"),
    timm_space("test_efficientnet", input_size=28, in_channels=1, num_classes=10),
]
TRIED = [*CHAINS, *OTHERS, *HAND_MADE]
NEW = [member() for name, member in SPACES.members.items() if name not in {space.name for space in TRIED}]
every_space = pytest.mark.parametrize("space", CHAINS, ids=lambda s: f"{s.name}-{s.input_size}")


class TestEverySpace(SpaceContract):
    settings = [*CHAINS, *OTHERS, *(space for space in NEW if isinstance(space, SpaceSection))]  # noqa: RUF012


class TestEveryNetworkMadeByHand(NetworkContract):
    settings = [*HAND_MADE, *(space for space in NEW if not isinstance(space, SpaceSection))]  # noqa: RUF012


def measured_macs(network: nn.Module, image: torch.Tensor) -> int:
    """Multiply-accumulates of convolutions and matrix products, from the shapes that really flow through."""
    total = 0

    def count(module: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal total
        total += module.weight.numel() * output[0].numel() // output.shape[1 if output.ndim == 4 else -1]  # type: ignore[union-attr, operator]

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    network.eval()(image)
    return total


@pytest.mark.parametrize("space", [*CHAINS, *HAND_MADE], ids=lambda s: f"{s.name}-{s.input_size}")
@pytest.mark.parametrize("seed", range(4))
def test_macs_are_those_of_every_layer(space: NetworkSection, seed: int) -> None:
    """By hooks, and not by torch's own counter, which the contract counts with."""
    if seed and not isinstance(space, SpaceSection):
        return
    one: Any = space
    architecture = (
        one.sample(Random(seed), depths=range(10, 23, 2), widths=range(8, 21, 2)) if isinstance(space, SpaceSection) else one.start()
    )
    image = torch.zeros(1, space.in_channels, space.input_size, space.input_size)
    assert space.macs(architecture) == measured_macs(space.build(architecture), image)


@every_space
def test_an_architecture_of_wrong_length_is_refused(space: PlainSpace | IRSpace) -> None:
    architecture = space.start(depth=12, width=8)
    with pytest.raises(ModelError, match="operations"):
        space.build(architecture.replace(operations=architecture.operations[1:]))


@every_space
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"operations": ("max_pool",) * 5}, "this space knows the operations"),
        ({"links": (1,)}, "this space knows the operations"),
        ({"kernels": (4,) * 5}, "this space knows kernels of 1, 3, 5 and 7 pixels; the architecture has one of 4"),
    ],
)
def test_what_a_space_does_not_know_is_refused(space: PlainSpace | IRSpace, change: dict[str, Any], said: str) -> None:
    architecture = space.start(depth=12, width=8)
    with pytest.raises(ModelError, match=said):
        space.build(architecture.replace(**change))


def test_an_architecture_without_links_has_the_identity_of_before_there_were_any() -> None:
    ten = PlainSpace().start(depth=10, width=64)
    assert "links" not in ten.model_dump() and ten.identity == "9c76a70550eaed77"
    linked = ten.replace(links=(1, 0))
    assert Architecture.model_validate_json(linked.model_dump_json()) == linked != ten and linked.identity != ten.identity


def test_plain_network_as_the_published_logs_count_it() -> None:
    space = PlainSpace(in_channels=3, num_classes=10)
    ten = Architecture(space="plain", depth=10, width=64, operations=("sep",) * 10, kernels=(3,) * 10)
    assert space.count_parameters(ten) == 309_450
    assert space.build(ten)(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
