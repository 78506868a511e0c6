"""Heads against the formulas, computed by hand with plain numbers in double precision."""

import math

import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor

from facenas.heads import Head, MarginHead

B, D, N = 6, 5, 4
NO_MARGIN = {
    "softmax": {},
    "arcface": {"margin": 0.0},
    "subcentre_arcface": {"margin": 0.0, "subcentres": 1},
    "cosface": {"margin": 0.0},
    "combined": {"m2": 0.0, "m3": 0.0},
    "adaface": {"margin": 0.0},
    "magface": {"margin_range": (0.0, 0.0), "penalty": 0.0},
    "curricularface": {"margin": 0.0},
}
HEADS = tuple(NO_MARGIN)
ANGULAR = ("arcface", "subcentre_arcface", "combined", "adaface", "magface", "curricularface")


def make(name: str, d: int = D, n: int = N, **options: object) -> MarginHead:
    torch.manual_seed(0)
    return TypeAdapter(Head).validate_python({"name": name, **options}).build(d, n).double()


def batch(seed: int = 1, scale: float = 8.0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(B, D, generator=generator, dtype=torch.float64) * scale, torch.randint(N, (B,), generator=generator)


def cosine_by_hand(embedding: list[float], centre: list[float]) -> float:
    product = sum(a * b for a, b in zip(embedding, centre, strict=True))
    return product / math.sqrt(sum(a * a for a in embedding)) / math.sqrt(sum(b * b for b in centre))


def expected(head: MarginHead, embeddings: Tensor, labels: Tensor, target: object) -> Tensor:
    rows = []
    for i, embedding in enumerate(embeddings.tolist()):
        cosines = [cosine_by_hand(embedding, centre) for centre in head.weight.tolist()]
        rows.append([head.scale * (target(c, i) if j == labels[i] else c) for j, c in enumerate(cosines)])  # type: ignore[operator]
    return torch.tensor(rows, dtype=torch.float64)


def close(given: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(given, wanted, rtol=0, atol=1e-9)


def test_softmax_formula() -> None:
    head, (x, y) = make("softmax", scale=30), batch()
    close(head(x, y), expected(head, x, y, lambda c, i: c))


def test_arcface_formula() -> None:
    head, (x, y) = make("arcface", margin=0.5, scale=64), batch()
    close(head(x, y), expected(head, x, y, lambda c, i: math.cos(math.acos(c) + 0.5)))


def test_cosface_formula() -> None:
    head, (x, y) = make("cosface", margin=0.35, scale=64), batch()
    close(head(x, y), expected(head, x, y, lambda c, i: c - 0.35))


def test_adaface_formula_with_statistics_updated_before_use() -> None:
    head, (x, y) = make("adaface", margin=0.4, h=0.333, scale=64, ema=0.01), batch()
    norms = [math.sqrt(sum(a * a for a in row)) for row in x.tolist()]
    mean = sum(norms) / B
    std = math.sqrt(sum((n - mean) ** 2 for n in norms) / (B - 1))
    mu, sigma = 0.01 * mean + 0.99 * 20, 0.01 * std + 0.99 * 100

    def target(c: float, i: int) -> float:
        z = max(-1.0, min(1.0, 0.333 * (norms[i] - mu) / (sigma + 1e-3)))
        return math.cos(max(1e-3, min(math.pi - 1e-3, math.acos(c) - 0.4 * z))) - (0.4 + 0.4 * z)

    close(head(x, y), expected(head, x, y, target))
    assert float(head.rule.norm_mean) == pytest.approx(mu, abs=1e-12)
    assert float(head.rule.norm_std) == pytest.approx(sigma, abs=1e-12)


def test_adaface_statistics_are_frozen_in_evaluation_and_survive_a_batch_of_one() -> None:
    head, (x, y) = make("adaface").eval(), batch()
    head(x, y)
    assert (float(head.rule.norm_mean), float(head.rule.norm_std)) == (20, 100)
    head.train()(x[:1], y[:1])
    assert float(head.rule.norm_std) == 100
    assert math.isfinite(float(head.rule.norm_mean))


def test_arcface_target_never_rises_again_beyond_pi() -> None:
    head = make("arcface", 2, 1, margin=0.5, scale=1.0)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[1.0, 0.0]]))
    angles = torch.linspace(0, math.pi, 200, dtype=torch.float64)
    logits = head(torch.stack([angles.cos(), angles.sin()], 1), torch.zeros(200, dtype=torch.long))[:, 0]
    assert (logits.diff() <= 1e-12).all()


@pytest.mark.parametrize("name", ["arcface", "adaface"])
def test_gradient_is_that_of_the_formula(name: str) -> None:
    """d logit / d theta = -s sin(theta + m): exact, where a straight-through head gives -s sin(theta)."""
    head = make(name, 2, 1, margin=0.5, scale=64.0).eval()
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[1.0, 0.0]]))
    theta = torch.tensor(0.6, dtype=torch.float64, requires_grad=True)
    head(torch.stack([theta.cos(), theta.sin()]).unsqueeze(0), torch.zeros(1, dtype=torch.long)).sum().backward()
    shift = 0.5 if name == "arcface" else -0.5 * 0.333 * (1 - 20) / (100 + 1e-3)
    assert float(theta.grad) == pytest.approx(-64 * math.sin(0.6 + shift), abs=1e-9)
