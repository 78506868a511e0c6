import pytest
import torch
from torch import nn

from facenas.backbones import ZOO, IRSpace, get_architecture
from facenas.backbones.ir import KNOWN_STAGES, stages
from facenas.errors import ModelError


@pytest.mark.parametrize(
    ("name", "parameters", "gmacs"),
    [("ir18", 24_020_352, 2.597), ("ir34", 34_134_080, 4.447), ("ir50", 43_585_600, 6.296), ("ir100", 65_150_912, 12.077)],
)
def test_parameters_of_the_published_networks(name: str, parameters: int, gmacs: float) -> None:
    space = IRSpace(embedding_size=512, input_size=112)
    architecture = get_architecture(name)
    assert space.count_parameters(architecture) == parameters
    assert sum(p.numel() for p in space.build(architecture).parameters()) == parameters
    assert space.macs(architecture) / 1e9 == pytest.approx(gmacs, abs=5e-4)


@pytest.mark.parametrize(("name", "table_6"), [("ir18", 29.4), ("ir50", 49.0), ("r34-512", 37.1), ("r58-256", 14.6)])
def test_table_6_counts_backbone_and_casia_head(name: str, table_6: float) -> None:
    blueprint = ZOO[name]
    with_head = blueprint.space.count_parameters(blueprint.architecture) + 10_572 * blueprint.dimension
    assert with_head / 1e6 == pytest.approx(table_6, abs=0.05)


def test_stages_pass_through_the_known_networks_and_grow_by_one_unit() -> None:
    assert {units: stages(units) for units in KNOWN_STAGES} == KNOWN_STAGES
    for units in range(5, 50):
        assert sum(stages(units)) == units
        assert sorted(after - before for before, after in zip(stages(units - 1), stages(units), strict=True)) == [0, 0, 0, 1]


@pytest.mark.parametrize("depth", [8, 11, 102])
def test_depth_outside_the_family_is_refused(depth: int) -> None:
    with pytest.raises(ModelError, match="depth is even, from 10 to 100"):
        IRSpace().start(depth=depth, width=16)


def test_every_unit_halves_or_keeps_and_stage_one_has_a_free_shortcut() -> None:
    space = IRSpace(input_size=32, embedding_size=None)
    network = space.build(space.start(depth=10, width=8))
    units = [module for module in network.children() if hasattr(module, "shortcut")]
    sizes, x = [], torch.zeros(1, 8, 32, 32)
    for unit in units:
        x = unit(x)
        sizes.append(x.shape[2])
    assert sizes == [16, 8, 4, 2]
    assert isinstance(units[0].shortcut, nn.MaxPool2d)
    assert sum(p.numel() for p in units[0].shortcut.parameters()) == 0


def test_embeddings_are_not_normalised() -> None:
    space = IRSpace(input_size=32, embedding_size=24)
    embeddings = space.build(space.start(depth=10, width=8)).eval()(torch.randn(3, 3, 32, 32))
    assert embeddings.shape == (3, 24)
    assert not torch.allclose(embeddings.norm(dim=1), torch.ones(3), atol=0.05)
