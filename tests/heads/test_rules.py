"""The newer margins against their formulas in plain numbers, and the two gradients of all that go through an angle."""

import math

import pytest
import torch
from torch import Tensor, nn

from facenas.heads import margin_loss
from tests.heads.test_heads import ANGULAR, B, batch, close, cosine_by_hand, expected, make


@pytest.mark.parametrize("margins", [(1.0, 0.3, 0.2), (0.9, 0.4, 0.15), (1.35, 0.0, 0.0), (1.0, 0.5, 0.0), (1.0, 0.0, 0.35)])
def test_combined_formula(margins: tuple[float, float, float]) -> None:
    m1, m2, m3 = margins
    head, (x, y) = make("combined", m1=m1, m2=m2, m3=m3), batch()

    def target(c: float, i: int) -> float:
        return math.cos(min(m1 * math.acos(c) + m2, math.pi - 1e-4)) - m3

    close(head(x, y), expected(head, x, y, target))


def norm(row: Tensor) -> float:
    return math.sqrt(sum(a * a for a in row.tolist()))


def test_magface_formula_with_its_regulariser() -> None:
    head, (x, y) = make("magface"), batch(scale=20.0)
    lengths = [min(110.0, max(10.0, norm(row))) for row in x]
    assert len(set(lengths)) > 3
    wanted = expected(head, x, y, lambda c, i: math.cos(min(math.acos(c) + 0.45 + 0.35 * (lengths[i] - 10) / 100, math.pi - 1e-4)))
    close(head(x, y), wanted)
    pull = 35 * sum(1 / a + a / 110**2 for a in lengths) / B
    close(loss_of(head, x, y), nn.functional.cross_entropy(wanted, y) + pull)


def test_magface_trains_the_length_of_an_embedding() -> None:
    head, (x, y) = make("magface", scale=1.0, margin_range=(0.0, 0.0)), batch(scale=20.0)
    x.requires_grad_()
    loss_of(head, x, y).backward()
    for row, grad in zip(x.detach(), x.grad, strict=True):
        length = norm(row)
        wanted = 35 / B * (1 / 110**2 - 1 / length**2) if 10 < length < 110 else 0.0
        assert float(grad @ row) / length == pytest.approx(wanted, abs=1e-9)


def test_magface_refuses_norms_that_do_not_rise() -> None:
    with pytest.raises(ValueError, match="needs 0 < shortest < longest, got 110 and 10"):
        make("magface", norm_range=(110, 10))


def test_curricularface_formula_with_t_updated_before_use() -> None:
    head, (x, y) = make("curricularface", margin=0.5, ema=0.3), batch()
    head.rule.t.fill_(0.2)
    cosines = [[cosine_by_hand(row, centre) for centre in head.weight.tolist()] for row in x.tolist()]
    own = [row[label] for row, label in zip(cosines, y.tolist(), strict=True)]
    t = 0.3 * sum(own) / B + 0.7 * 0.2
    rows, hard = [], 0
    for row, label, c in zip(cosines, y.tolist(), own, strict=True):
        target = math.cos(min(math.acos(c) + 0.5, math.pi - 1e-4))
        hard += sum(other > target for j, other in enumerate(row) if j != label)
        rows.append([64 * (target if j == label else other * (t + other) if other > target else other) for j, other in enumerate(row)])
    assert 0 < hard < B * 3
    close(head(x, y), torch.tensor(rows, dtype=torch.float64))
    assert float(head.rule.t) == pytest.approx(t, abs=1e-12)
    head.eval()(x, y)
    assert float(head.rule.t) == pytest.approx(t, abs=1e-12)


def test_subcentre_formula_takes_the_nearest_centre() -> None:
    head, (x, y) = make("subcentre_arcface", subcentres=3, margin=0.5), batch()
    assert head.weight.shape == (12, 5)
    rows = []
    for row, label in zip(x.tolist(), y.tolist(), strict=True):
        cosines = [max(cosine_by_hand(row, centre.tolist()) for centre in centres) for centres in head.weight.view(4, 3, 5)]
        rows.append([64 * (math.cos(min(math.acos(c) + 0.5, math.pi - 1e-4)) if j == label else c) for j, c in enumerate(cosines)])
    close(head(x, y), torch.tensor(rows, dtype=torch.float64))


@pytest.mark.parametrize("name", ANGULAR)
def test_both_gradients_have_the_same_values(name: str) -> None:
    x, y = batch()
    exact, straight = (make(name, gradient=gradient)(x, y) for gradient in ("exact", "straight_through"))
    torch.testing.assert_close(exact, straight, rtol=0, atol=1e-12)


def slope(gradient: str, name: str, **options: float) -> float:
    """Of the target logit by the cosine, at theta = 0.6."""
    rule = make(name, gradient=gradient, **options).eval().rule
    own = torch.tensor([math.cos(0.6)], dtype=torch.float64, requires_grad=True)
    rule(own, torch.full((1,), 20.0, dtype=torch.float64)).target.sum().backward()
    return float(own.grad)


def test_straight_through_leaves_out_the_ratio_of_the_sines() -> None:
    for name, options in (("arcface", {"margin": 0.5}), ("combined", {"m2": 0.5}), ("curricularface", {"margin": 0.5})):
        assert slope("straight_through", name, **options) == pytest.approx(1, abs=1e-12)
        assert slope("exact", name, **options) == pytest.approx(math.sin(1.1) / math.sin(0.6), abs=1e-9)
    assert slope("exact", "arcface", margin=0.5) == pytest.approx(1.58, abs=0.005)
    assert slope("straight_through", "adaface", margin=0.5) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("name", ANGULAR)
def test_no_target_rises_again_beyond_pi(name: str) -> None:
    rule = make(name).eval().rule
    own = torch.linspace(0, math.pi, 200, dtype=torch.float64).cos()
    for length in (1.0, 60.0, 200.0):
        assert (rule(own, torch.full_like(own, length)).target.diff() <= 1e-12).all()


def loss_of(head: nn.Module, x: Tensor, y: Tensor) -> Tensor:

    return margin_loss(head, x, y).loss
