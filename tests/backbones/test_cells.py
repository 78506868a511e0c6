"""The space of cells: sizes as published, costs as measured, files that read back."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest
import torch
from torch import Tensor, nn

from facenas.backbones import Architecture, Blueprint, CellSpace, get_blueprint
from facenas.backbones.cell_network import Cell, DropPath
from facenas.backbones.cell_operations import OPERATORS, Edge, FactorizedReduce, operator
from facenas.backbones.cell_places import CellPlace
from facenas.backbones.cells import edges
from facenas.data import InputContract, SyntheticFaces
from facenas.errors import ModelError
from facenas.export import export_network
from facenas.training import spread
from tests.backbones.test_spaces import measured_macs
from tests.export.trained import settled

SPACES = [
    CellSpace(num_classes=10, depth=6, channels=8, in_channels=1, input_size=28),
    CellSpace(num_classes=10, operators="darts", groups=1, depth=5, channels=8, shape="imagenet", input_size=64),
    CellSpace(embedding_size=16, shape="ir", depth=5, channels=8, input_size=32),
]
every_space = pytest.mark.parametrize("space", SPACES, ids=lambda space: space.shape)


def images(space: CellSpace, count: int = 2) -> Tensor:
    return torch.randn(count, space.in_channels, space.input_size, space.input_size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("name", "parameters"), [("darts", 3_349_342), ("darts-imagenet", 4_718_752)])
def test_darts_cells_have_their_published_sizes(name: str, parameters: int) -> None:
    blueprint = get_blueprint(name)
    assert blueprint.space.count_parameters(blueprint.architecture) == parameters


@every_space
def test_cost_json_and_gradients_of_random_cells(space: CellSpace) -> None:
    for seed in range(3):
        architecture = space.sample(Random(seed))
        network = space.build(architecture)
        assert space.cost(architecture) == (sum(p.numel() for p in network.parameters()), measured_macs(network, images(space, 1)))
        blueprint = Blueprint(architecture=architecture, space=space)
        assert Blueprint.model_validate_json(blueprint.model_dump_json()) == blueprint
    network.train()(images(space)).square().mean().backward()
    reached = {name: p for name, p in network.named_parameters() if p.grad is not None}
    assert all(p.grad.isfinite().all() for p in reached.values())
    assert all(
        ".first." in name or ".second." in name for name, _ in network.named_parameters() if name not in reached
    )  # no edge uses them


def test_a_genotype_read_back_builds_the_same_network() -> None:
    space = SPACES[0]
    architecture = space.sample(Random(1))
    again = Blueprint.model_validate_json(Blueprint(architecture=architecture, space=space).model_dump_json())
    torch.manual_seed(0)
    one = space.build(architecture).eval()
    torch.manual_seed(0)
    assert torch.equal(one(images(space)), again.build().eval()(images(space)))


@every_space
def test_mutation_changes_one_edge(space: CellSpace) -> None:
    def written(architecture: Architecture) -> Counter[object]:
        return Counter(zip([at // 2 for at in range(16)], edges(architecture), architecture.links, strict=True))

    rng, parent = Random(0), space.sample(Random(0))
    for _ in range(40):
        child = space.mutate(parent, rng)
        assert (written(parent) - written(child)).total() == 1 and (child.depth, child.width) == (parent.depth, parent.width)
        parent = child


def test_a_cell_equals_the_formula() -> None:
    """Nodes are sums of two operators, the output is all nodes side by side (DARTS, equation 1)."""
    made: list[Edge] = [("skip", 1), ("max_pool", 3)] * 4
    cell = Cell(CellPlace(False, False, 8, 8, 8, 6), made, [0, 1, 1, 2, 0, 3, 2, 4], groups=1).eval()
    one, other = torch.randn(2, 8, 6, 6), torch.randn(2, 8, 6, 6)
    pool = nn.MaxPool2d(3, 1, 1)
    s0, s1 = cell.first(one), cell.second(other)
    n0 = s0 + pool(s1)
    n1 = s1 + pool(n0)
    n2 = s0 + pool(n1)
    n3 = n0 + pool(n2)
    assert torch.equal(cell(one, other), torch.cat([n0, n1, n2, n3], 1))


@pytest.mark.parametrize("edge", OPERATORS["allegro"][3:], ids=str)
def test_allegro_modules_with_two_groups_have_darts_pointwise_weights(edge: Edge) -> None:
    def pointwise(made: nn.Module) -> int:
        return sum(m.weight.numel() for m in made.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1))

    sep = pointwise(operator(("sep_conv", 3), 16, stride=1, groups=1))
    assert pointwise(operator(edge, 16, stride=1, groups=2)) == (sep if edge[0] == "allegro_sep_conv" else sep // 2)


def test_factorized_reduction_sees_even_and_odd_pixels() -> None:
    reduce, x = FactorizedReduce(3, 4).eval(), torch.randn(1, 3, 6, 6)
    changed = x.clone()
    changed[:, :, 1::2, 1::2] = 1
    same = reduce(x) == reduce(changed)
    assert same[:, :2].all() and not same[:, 2:].any()


def test_drop_path_keeps_the_mean_and_drops_whole_images() -> None:
    drop = DropPath()
    drop.kept.fill_(0.8)
    torch.manual_seed(0)
    out = drop(torch.ones(20_000, 1, 2, 2))
    assert set(out.flatten().tolist()) == {0.0, 1.25} and abs(out.mean() - 1) < 0.02
    assert (out[:, :, 0, 0] == out[:, :, 1, 1]).all()
    assert torch.equal(drop.eval()(torch.ones(2, 1, 2, 2)), torch.ones(2, 1, 2, 2))


def test_every_rank_drops_its_part_of_what_one_process_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread.distributed, "get_world_size", lambda: 2)
    whole, x, parts = DropPath(), torch.randn(8, 1, 2, 2), []
    whole.kept.fill_(0.5)
    torch.manual_seed(0)
    expected = whole(x)
    for rank in (0, 1):
        monkeypatch.setattr(spread.distributed, "get_rank", lambda rank=rank: rank)
        (shared,) = spread.spread(nn.Sequential(DropPath()), torch.device("cpu"), batchnorm=True)
        assert isinstance(shared, DropPath)
        shared.kept.fill_(0.5)
        torch.manual_seed(0)
        parts.append(shared(x.chunk(2)[rank]))
    assert torch.equal(torch.cat(parts), expected)


@pytest.mark.parametrize("size", [28, 32])
def test_the_auxiliary_head_is_there_in_training_alone_and_costs_nothing(size: int) -> None:
    space = SPACES[0].model_copy(update={"auxiliary": True, "input_size": size})
    network = space.build(space.start())
    main, aside = network.with_auxiliary(images(space))
    assert aside.shape == main.shape == (2, 10)
    assert network.eval().with_auxiliary(images(space))[1] is None
    assert space.cost(space.start()) == space.model_copy(update={"auxiliary": False}).cost(space.start())


@pytest.mark.slow
def test_exports_with_parity(tmp_path: Path) -> None:
    space = SPACES[2]
    torch.manual_seed(0)
    faces = SyntheticFaces(people=4, photographs=2, test_people=0).load(32).images
    contract = InputContract(size=32)
    network = settled(space.build(space.sample(Random(5))), faces, contract)
    done = export_network(network, tmp_path / "m.onnx", contract=contract, images=faces)
    assert done.parity.min_cosine > 0.99999


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"links": (1, 0) + (0, 1) * 7}, "the lower first"),
        ({"links": (0, 2) + (0, 1) * 7}, "two inputs before it"),
        ({"operations": ("sep_conv",) * 16}, "this space knows the operators"),
        ({"operations": ("skip",) * 3}, "16 operations"),
        ({"width": 10}, "multiple of twice the groups"),
        ({"depth": 2}, "3 of them or more"),
    ],
)
def test_what_is_no_genotype_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        SPACES[0].build(SPACES[0].start().replace(**change))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"shape": "ir"}, "embedding_size"),
        ({"num_classes": 10, "input_size": 30}, "multiple of 4"),
        ({"num_classes": 10, "channels": 6}, "multiple of twice the groups"),
        ({"num_classes": 10, "auxiliary": True, "input_size": 16}, "auxiliary needs"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        CellSpace(**settings)


def test_an_architecture_is_written_in_one_way() -> None:
    space, straight = SPACES[0], [("skip", 1), ("max_pool", 3)] * 8
    turned: list[Edge] = [("max_pool", 3), ("skip", 1)] * 8  # type: ignore[list-item]
    assert space.encoded(straight, [0, 1] * 8) == space.encoded(turned, [1, 0] * 8)  # type: ignore[arg-type]
    assert isinstance(space.encoded(turned, [1, 0] * 8), Architecture)
