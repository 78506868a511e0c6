"""The supernet of cells: mixed operations, size, derivation."""

import pytest
import torch
from torch import nn

from facenas.backbones import CellSpace
from facenas.backbones.cell_operations import OPERATORS
from facenas.backbones.cell_supernet import CellSupernet, MixedOperation, skips
from facenas.backbones.cells import edges

SPACE = CellSpace(num_classes=10, depth=5, channels=8, in_channels=1, input_size=28)


def test_darts_supernet_has_its_published_size() -> None:
    space = CellSpace(operators="darts", groups=1, num_classes=10)
    assert sum(p.numel() for p in CellSupernet(space).weights()) == 1_930_618  # as its code counts and logs it


@pytest.mark.parametrize("operators", ["darts", "allegro"])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_mixed_operation_is_the_weighted_sum_of_its_operators(operators: str, stride: int) -> None:
    mixed = MixedOperation(OPERATORS[operators], 8, stride=stride, groups=2).double()
    x, weights = torch.randn(3, 8, 8, 8).double(), torch.randn(8).double().softmax(0)
    with torch.no_grad():
        expected = torch.zeros(3, 8, 8 // stride, 8 // stride).double()
        for at, made in enumerate(mixed.operators, 1):
            expected += weights[at] * made(x)
        assert torch.allclose(mixed(x, weights), expected, rtol=0, atol=1e-12)


def test_no_operator_gains_by_its_scale() -> None:
    norms = [m for m in MixedOperation(OPERATORS["darts"], 8, stride=1, groups=1).modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms and not any(norm.affine for norm in norms)


def test_derivation_takes_the_two_strongest_inputs_and_never_none() -> None:
    torch.manual_seed(0)
    supernet = CellSupernet(SPACE, depth=4, width=8)
    with torch.no_grad():
        for alpha in supernet.alphas:
            alpha.zero_()
            alpha[:, 0] = 5  # none everywhere
        # edges of node 1 are rows 2, 3, 4; of node 3 rows 9 to 13
        supernet.normal[2, 3] = 6  # skip
        supernet.normal[4, 4] = 7  # allegro_sep_conv 3
        supernet.reduction[9, 1] = supernet.reduction[13, 2] = 6
    found = supernet.derived()
    made = list(zip(edges(found), found.links, strict=True))
    assert made[2:4] == [(("skip", 1), 0), (("allegro_sep_conv", 3), 2)]
    assert made[14:] == [(("max_pool", 3), 0), (("avg_pool", 3), 4)]
    assert (found.depth, found.width) == (5, 8)
    assert skips(found) == (1, 0)


def test_every_weight_and_architecture_parameter_is_taught() -> None:
    supernet = CellSupernet(SPACE, depth=4, width=8)
    supernet(torch.randn(2, 1, 28, 28)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in supernet.parameters())
    assert all(alpha.grad.abs().sum() > 0 for alpha in supernet.alphas)  # type: ignore[union-attr]
