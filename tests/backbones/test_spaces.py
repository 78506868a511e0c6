"""What holds of every space, over random architectures."""

from random import Random
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from facenas.backbones import Architecture, Blueprint, Builder, IRSpace, PlainSpace, TimmSpace, timm_space
from facenas.errors import ModelError

SPACES = [
    PlainSpace(in_channels=3, num_classes=10, input_size=32),
    PlainSpace(in_channels=1, num_classes=47, input_size=28),
    IRSpace(embedding_size=None, input_size=32),
    IRSpace(embedding_size=64, input_size=48, output="gdc"),
]
BOUNDS = {"depths": range(10, 23, 2), "widths": range(8, 21, 2)}
every_space = pytest.mark.parametrize("space", SPACES, ids=lambda s: f"{s.name}-{s.input_size}")
HAND_MADE = [
    timm_space("test_efficientnet", input_size=48, embedding_size=64),
    timm_space("test_resnet", input_size=64, embedding_size=32, output="flatten"),
    timm_space("test_efficientnet", input_size=28, in_channels=1, num_classes=10),
]
every_builder = pytest.mark.parametrize("space", [*SPACES, *HAND_MADE], ids=lambda s: f"{s.name}-{s.input_size}")


def point(space: Builder, seed: int) -> Architecture:
    return space.start() if isinstance(space, TimmSpace) else space.sample(Random(seed), **BOUNDS)


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


@every_space
@given(seed=st.integers(0, 10_000))
@settings(max_examples=12, deadline=None)
def test_counts_equal_the_built_network(space: PlainSpace | IRSpace, seed: int) -> None:
    check_counts(space, space.sample(Random(seed), **BOUNDS))


@pytest.mark.parametrize("space", HAND_MADE, ids=lambda s: s.model)
def test_counts_equal_the_network_of_timm(space: TimmSpace) -> None:
    check_counts(space, space.start())


def check_counts(space: Builder, architecture: Architecture) -> None:
    network = space.build(architecture)
    image = torch.zeros(1, space.in_channels, space.input_size, space.input_size)
    assert space.count_parameters(architecture) == sum(p.numel() for p in network.parameters())
    assert space.macs(architecture) == measured_macs(network, image)


@every_space
@given(seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_sampling_and_mutation_stay_in_the_space(space: PlainSpace | IRSpace, seed: int) -> None:
    rng = Random(seed)
    parent = space.sample(rng, **BOUNDS)
    child = space.mutate(parent, rng, **BOUNDS)
    space.check(parent)
    space.check(child)
    assert child != parent
    assert child.depth in BOUNDS["depths"]
    assert child.width in BOUNDS["widths"]
    assert parent == space.sample(Random(seed), **BOUNDS)


@every_builder
def test_survives_json_with_its_identity(space: Builder) -> None:
    architecture = point(space, 3)
    again = Architecture.model_validate_json(architecture.model_dump_json())
    assert again == architecture
    assert again.identity == architecture.identity
    assert hash(again) == hash(architecture)
    assert architecture.replace(width=architecture.width + 1).identity != architecture.identity
    blueprint = Blueprint(architecture=architecture, space=space)
    assert Blueprint.model_validate_json(blueprint.model_dump_json()) == blueprint


@every_builder
def test_back_propagates_into_every_parameter(space: Builder) -> None:
    network = space.build(point(space, 1)).train()
    network(torch.randn(4, space.in_channels, space.input_size, space.input_size)).square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@every_space
def test_an_architecture_of_wrong_length_is_refused(space: PlainSpace | IRSpace) -> None:
    architecture = space.start(depth=12, width=8)
    with pytest.raises(ModelError, match="operations"):
        space.build(architecture.replace(operations=architecture.operations[1:]))


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("change", [{"operations": ("max_pool",) * 5}, {"links": (1,)}])
def test_what_a_space_does_not_know_is_refused(space: PlainSpace | IRSpace, change: dict[str, Any]) -> None:
    architecture = space.start(depth=12, width=8)
    with pytest.raises(ModelError, match="this space knows the operations"):
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
