"""The lean loss against cross-entropy of the head's logits."""

import pytest
import torch
from torch import Tensor, nn

from facenas.heads import MarginHead, margin_loss
from facenas.heads.cosine import cosine
from tests.heads.test_heads import HEADS, B, N, batch, make


def usual(head: MarginHead, x: Tensor, y: Tensor) -> Tensor:
    penalty = head.rule(head.cosines(x)[0].gather(1, y[:, None]).squeeze(1), x.norm(dim=1)).penalty
    return nn.functional.cross_entropy(head(x, y), y) + penalty


@pytest.mark.parametrize("name", HEADS)
def test_equals_cross_entropy_of_the_logits(name: str) -> None:
    head, (x, y) = make(name).eval(), batch()
    grads = []
    for function in (usual, lambda head, x, y: margin_loss(head, x, y).loss):
        x = x.detach().requires_grad_()
        head.weight.grad = None
        value = function(head, x, y)
        value.backward()
        grads.append((value.detach(), x.grad, head.weight.grad))
    for wanted, given in zip(*grads, strict=True):
        torch.testing.assert_close(given, wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", HEADS)
def test_statistics_are_updated_once(name: str) -> None:
    (x, y), first, second = batch(), make(name), make(name)
    first(x, y)
    margin_loss(second, x, y)
    assert [float(value) for value in first.rule.buffers()] == [float(value) for value in second.rule.buffers()]


@pytest.mark.parametrize("name", HEADS)
def test_counts_hits_without_the_margin(name: str) -> None:
    head, (x, _) = make(name), batch()
    nearest = head.cosines(x)[0].argmax(1)
    y = torch.where(torch.arange(B) < 4, nearest, (nearest + 1) % N)
    assert int(margin_loss(head, x, y).correct) == 4


def test_cosines_have_the_gradient_of_the_plain_formula() -> None:
    features, centres = (torch.randn(n, 5, dtype=torch.float64, requires_grad=True) for n in (3, 4))
    with torch.no_grad():
        centres[0] *= 1e-5  # not scaled up
    plain = features @ nn.functional.normalize(centres, eps=1e-3).T
    weights = torch.randn_like(plain)
    wanted = torch.autograd.grad((plain * weights).sum(), (features, centres))
    given = torch.autograd.grad((cosine(features, centres) * weights).sum(), (features, centres))
    torch.testing.assert_close(given, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("case", ["zero", "along", "against", "one"])
def test_extremes_are_finite(name: str, case: str) -> None:
    head = make(name).float()
    centre = head.weight.detach()[:1]
    x = {"zero": torch.zeros(2, 5), "along": centre.repeat(2, 1) * 100, "against": -centre.repeat(2, 1) * 100, "one": torch.ones(1, 5)}
    embeddings = x[case].clone().requires_grad_()
    loss = margin_loss(head, embeddings, torch.zeros(len(embeddings), dtype=torch.long)).loss
    loss.backward()
    assert loss.isfinite()
    assert embeddings.grad.isfinite().all()
    assert head.weight.grad.isfinite().all()


def test_a_single_identity_costs_nothing() -> None:
    head = make("arcface", 5, 1)
    x = batch()[0].requires_grad_()
    loss = margin_loss(head, x, torch.zeros(B, dtype=torch.long)).loss
    loss.backward()
    assert (float(loss.detach()), float(x.grad.abs().max())) == (0, 0)


@pytest.mark.parametrize("name", HEADS)
def test_single_precision_under_autocast_in_both_directions(name: str) -> None:
    (x, y), losses = batch(), []
    for enabled in (True, False):
        head = make(name).float()
        embeddings = x.bfloat16().float().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            loss = margin_loss(head, embeddings.bfloat16() if enabled else embeddings, y).loss
            loss.backward()
        losses.append((loss.detach(), head.weight.grad))
    assert losses[0][0].dtype == torch.float32
    torch.testing.assert_close(losses[0], losses[1])
