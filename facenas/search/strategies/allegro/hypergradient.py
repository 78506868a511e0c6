"""The gradient of the architecture parameters through one step of the weights, by finite differences in place.

Source: AllegroNAS, equations 3 to 5; at chi = 0 those of Liu et al., "DARTS: differentiable architecture search", 2019, section 2.3.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor

Order = Literal["second", "first", "single"]
Loss = Callable[[], Tensor]
LEAST_NORM = 1e-12  # of a gradient, lest a step along it be infinite
Gradients = tuple[Tensor, ...]


def hypergradient(
    train: Loss,
    validation: Loss,
    weights: Sequence[Tensor],
    alphas: Sequence[Tensor],
    *,
    order: Order = "second",
    lr: float = 0.0,
    chi: float = 0.0,
    drift: Sequence[Tensor] = (),
    exact: Loss | None = None,
    radius: float = 0.01,
) -> list[Tensor]:
    """The gradient that the architecture parameters are to go down along; afterwards all weights are as they were, to the bit.

    With w* = w - lr (grad_w train(w) + drift): grad_a validation(w*) + chi grad_a train(w*), less lr times the mixed second derivative of
    train at w times (grad_w validation(w*) + chi grad_w train(w*)). Equation 5 takes two central differences, one for each part of the
    last factor; here it is one, along their sum: the same to its order, and five passes through the network instead of seven.

    The weights are moved in place. What is kept beside them is their values alone: no second network, buffers or activations.

    Args:
        train: Loss on training data with the weights as they are; the same at every call.
        validation: Loss on validation data, in the same way.
        weights: Weights of the network, moved in place and put back.
        alphas: Architecture parameters, which the gradient is for.
        order: `second`; `first`: w* = w; `single`: the gradient of the training loss alone, as if architecture parameters were weights.
        lr: Learning rate of the weights' step; of no use but in second order.
        chi: Share of the training loss (equation 4); 0 is DARTS.
        drift: What the optimiser adds to the gradient in the step, per weight: momentum and decay, in DARTS' code; none in the equations.
        exact: Training loss for the central difference, where `train` rounds too much for them: bf16 has 8 digits, and a step of the
            weights changes most of them by less.
        radius: Length of the step of a central difference; 0.01 in the paper.
    """
    exact = exact or train
    if order == "single":
        return list(_gradients(train(), alphas))
    if order == "first" or not lr:
        return _sum(_gradients(validation(), alphas), _gradients(train(), alphas) if chi else (), chi)
    gradient = _gradients(train(), weights)
    with torch.no_grad():
        step: Sequence[Tensor] = torch._foreach_add(gradient, list(drift)) if drift else gradient
    with _restored(weights) as values:
        _place(weights, values, step, -lr)
        both = [*alphas, *weights]
        ahead = _sum(_gradients(validation(), both), _gradients(train(), both) if chi else (), chi)
        total, along = ahead[: len(alphas)], ahead[len(alphas) :]
        sigma = radius / torch.stack(torch._foreach_norm(along)).norm().clamp_min(LEAST_NORM)
        _place(weights, values, along, sigma)
        above = _gradients(exact(), alphas)
        _place(weights, values, along, -sigma)
        below = _gradients(exact(), alphas)
        return [one - lr * (a - b) / (2 * sigma) for one, a, b in zip(total, above, below, strict=True)]


def asymptotic(epoch: float, epochs: int, *, least: float = 0.0, most: float = 0.1) -> float:
    """The coefficient chi, in a straight line to its largest value after H epochs, where it stays.

    Equation 6 as printed begins at 0 whatever `least` is, and says nothing of epochs after H; with the paper's least value of 0 this is it.

    Args:
        epoch: Number of finished epochs, parts of one included.
        epochs: Epochs that chi grows, H.
        least: Value of chi at the beginning, chi_min.
        most: Largest value of chi, chi_max.

    Source: AllegroNAS, equation 6.
    """
    return least + (most - least) * min(1.0, epoch / epochs)


def _gradients(loss: Tensor, of: Sequence[Tensor]) -> Gradients:
    return torch.autograd.grad(loss, list(of), allow_unused=True, materialize_grads=True)


def _sum(one: Sequence[Tensor], other: Sequence[Tensor], share: float) -> list[Tensor]:
    return [a + share * b for a, b in zip(one, other, strict=True)] if other else list(one)


@contextmanager
def _restored(weights: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Copies of the weights' values; the weights have these values again at the end of the context."""
    values = [weight.detach().clone() for weight in weights]
    try:
        yield values
    finally:
        with torch.no_grad():
            torch._foreach_copy_(list(weights), values)


@torch.no_grad()
def _place(weights: Sequence[Tensor], values: Sequence[Tensor], along: Sequence[Tensor], share: float | Tensor) -> None:
    """Set the weights to `values` + `share` times `along`."""
    torch._foreach_copy_(list(weights), list(values))
    torch._foreach_add_(list(weights), torch._foreach_mul(list(along), share))


def dominant_eigenvalue(
    loss: Loss, alphas: Sequence[Tensor], *, iterations: int, generator: torch.Generator, radius: float = 0.01
) -> float:
    """The eigenvalue, largest in magnitude, of the loss's Hessian by the architecture parameters: power iteration, central differences.

    Large values go before collapse (Zela et al., "Understanding and robustifying differentiable architecture search", 2020, section 4).

    Args:
        loss: Loss on validation data, the same at every call.
        alphas: Architecture parameters; afterwards they are as they were.
        iterations: Number of power iterations.
        generator: Generator of the first direction, on the CPU.
        radius: Length of the step of a central difference.
    """
    along = [torch.randn(alpha.shape, generator=generator).to(alpha) for alpha in alphas]
    eigenvalue = 0.0
    with _restored(alphas) as values:
        for _ in range(iterations):
            norm = torch.stack(torch._foreach_norm(along)).norm().clamp_min(LEAST_NORM)
            along = [one / norm for one in along]
            _place(alphas, values, along, radius)
            above = _gradients(loss(), alphas)
            _place(alphas, values, along, -radius)
            below = _gradients(loss(), alphas)
            product = [(a - b) / (2 * radius) for a, b in zip(above, below, strict=True)]
            eigenvalue = float(sum((one * other).sum() for one, other in zip(along, product, strict=True)))
            along = product
    return eigenvalue
