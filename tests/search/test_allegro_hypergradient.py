"""The hypergradient against closed forms and against exact differentiation through one step."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from facenas.backbones import CellSpace
from facenas.backbones.cell_supernet import CellSupernet
from facenas.search.held_out import still_statistics
from facenas.search.strategies.allegro.hypergradient import asymptotic, dominant_eigenvalue, hypergradient

Loss = Callable[[], Tensor]


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Quadratic:
    """train = w'Aw / 2 - w'Ba; validation = |w - t|^2 / 2 + |a - o|^2 / 4: one step from anywhere is known."""

    def __init__(self) -> None:
        root = normal(4, 4, seed=0)
        self.a_matrix, self.b_matrix = root @ root.T / 4 + torch.eye(4), normal(4, 3, seed=1)
        self.target, self.origin = normal(4, seed=2), normal(3, seed=3)
        self.w, self.alpha = normal(4, seed=4).requires_grad_(), normal(3, seed=5).requires_grad_()

    def train(self) -> Tensor:
        return self.w @ self.a_matrix @ self.w / 2 - self.w @ self.b_matrix @ self.alpha

    def validation(self) -> Tensor:
        return (self.w - self.target).square().sum() / 2 + (self.alpha - self.origin).square().sum() / 4

    def exact(self, lr: float, chi: float, drift: Tensor | float = 0.0) -> Tensor:
        with torch.no_grad():
            a, b, w, alpha = self.a_matrix, self.b_matrix, self.w, self.alpha
            ahead = w - lr * (a @ w - b @ alpha + drift)
            validation = (alpha - self.origin) / 2 + lr * b.T @ (ahead - self.target)
            train = -b.T @ ahead + lr * b.T @ (a @ ahead - b @ alpha)
            return validation + chi * train


@pytest.mark.parametrize("chi", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("lr", [0.0, 0.025, 0.3])
def test_on_a_quadratic_problem_it_is_the_closed_form(lr: float, chi: float) -> None:
    q = Quadratic()
    (found,) = hypergradient(q.train, q.validation, [q.w], [q.alpha], lr=lr, chi=chi)
    assert torch.allclose(found, q.exact(lr, chi), rtol=0, atol=1e-10)
    (first,) = hypergradient(q.train, q.validation, [q.w], [q.alpha], order="first", lr=lr, chi=chi)
    assert torch.allclose(first, q.exact(0.0, chi), rtol=0, atol=1e-12)
    (single,) = hypergradient(q.train, q.validation, [q.w], [q.alpha], order="single", lr=lr, chi=chi)
    assert torch.allclose(single, -q.b_matrix.T @ q.w.detach(), rtol=0, atol=1e-12)


def test_the_optimisers_part_of_the_step_counts() -> None:
    q, drift = Quadratic(), normal(4, seed=6)
    (found,) = hypergradient(q.train, q.validation, [q.w], [q.alpha], lr=0.1, chi=0.1, drift=[drift])
    assert torch.allclose(found, q.exact(0.1, 0.1, drift), rtol=0, atol=1e-10)


def test_descent_ends_at_the_known_solution_of_the_bilevel_problem() -> None:
    """With A = 1 and a step of 1 the inner problem is solved at once: w = Ba, and the outer one is linear least squares."""
    q = Quadratic()
    q.a_matrix = torch.eye(4, dtype=torch.float64)
    b = q.b_matrix
    solution = torch.linalg.solve(b.T @ b + torch.eye(3) / 2, b.T @ q.target + q.origin / 2)
    for _ in range(600):
        (gradient,) = hypergradient(q.train, q.validation, [q.w], [q.alpha], lr=1.0)
        with torch.no_grad():
            q.alpha -= 0.1 * gradient
    assert torch.allclose(q.alpha.detach(), solution, rtol=0, atol=1e-6)
    (first,) = hypergradient(q.train, q.validation, [q.w], [q.alpha], order="first")
    assert first.norm() > 0.1  # which first order does not see


class Tiny:
    """A supernet of three cells in double precision, with a batch of each kind."""

    def __init__(self, seed: int = 0) -> None:
        torch.manual_seed(seed)
        space = CellSpace(num_classes=3, depth=3, channels=4, in_channels=1, input_size=8)
        self.net = CellSupernet(space, depth=3, width=4).double().train()
        self.weights, self.alphas = list(self.net.weights()), list(self.net.alphas)
        with torch.no_grad():
            for alpha in self.alphas:
                alpha.copy_(torch.randn_like(alpha))
        self.batches = [(normal(8, 1, 8, 8, seed=at), torch.arange(8) % 3) for at in (1, 2)]

    def loss(self, at: int) -> Loss:
        images, labels = self.batches[at]
        return lambda: functional.cross_entropy(self.net(images), labels)

    def exact(self, lr: float, chi: float) -> list[Tensor]:
        """Automatic differentiation through one step (equations 2 and 4)."""
        names = {id(p): name for name, p in self.net.named_parameters()}
        gradient = torch.autograd.grad(self.loss(0)(), self.weights, create_graph=True)
        ahead = {names[id(w)]: w - lr * g for w, g in zip(self.weights, gradient, strict=True)}
        at_ahead = [functional.cross_entropy(functional_call(self.net, ahead, (x,)), y) for x, y in self.batches]
        return list(torch.autograd.grad(at_ahead[1] + chi * at_ahead[0], self.alphas))

    def found(self, lr: float, chi: float, radius: float = 0.01) -> list[Tensor]:
        with still_statistics(self.net):
            return hypergradient(self.loss(0), self.loss(1), self.weights, self.alphas, lr=lr, chi=chi, radius=radius)


def furthest(one: list[Tensor], other: list[Tensor]) -> float:
    return max(float((a - b).abs().max()) for a, b in zip(one, other, strict=True))


@pytest.mark.slow
def test_on_a_supernet_it_is_differentiation_through_one_step() -> None:
    """Between kinks of ReLU and of greatest values, hence a short difference."""
    tiny, lr = Tiny(), 0.5
    for chi in (0.0, 0.1):
        exact = tiny.exact(lr, chi)
        assert furthest(tiny.found(lr, chi, 1e-6), exact) < 1e-7 < 0.1 < furthest(tiny.found(0.0, chi), exact)


@pytest.mark.slow
def test_its_error_falls_with_the_square_of_the_difference_where_the_network_is_smooth() -> None:
    tiny, lr, chi = Tiny(), 0.05, 0.1
    for module in list(tiny.net.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.ReLU):
                setattr(module, name, nn.Softplus())
            elif isinstance(child, nn.MaxPool2d):
                setattr(module, name, nn.AvgPool2d(3, child.stride, 1))
    exact = tiny.exact(lr, chi)
    coarse, fine = (furthest(tiny.found(lr, chi, radius), exact) for radius in (0.01, 0.003))
    assert coarse < 0.01 * furthest(tiny.found(0.0, chi), exact)
    assert 10 < coarse / fine < 12.5  # 11.1


@pytest.mark.slow
def test_without_the_asymptotic_term_it_is_darts_to_the_bit() -> None:
    tiny, lr = Tiny(), 0.1
    found = tiny.found(lr, 0.0)
    # DARTS' architect.py, with networks of its own
    with still_statistics(tiny.net):
        values = [w.detach().clone() for w in tiny.weights]
        gradient = torch.autograd.grad(tiny.loss(0)(), tiny.weights)

        def put(ahead: list[Tensor]) -> None:
            with torch.no_grad():
                for weight, value in zip(tiny.weights, ahead, strict=True):
                    weight.copy_(value)

        put([value - lr * g for value, g in zip(values, gradient, strict=True)])
        both = torch.autograd.grad(tiny.loss(1)(), [*tiny.alphas, *tiny.weights])
        direct, vector = both[:2], both[2:]
        size = 0.01 / torch.stack([v.norm() for v in vector]).norm()
        sides = []
        for sign in (1, -1):
            put([value + sign * size * v for value, v in zip(values, vector, strict=True)])
            sides.append(torch.autograd.grad(tiny.loss(0)(), tiny.alphas))
        put(values)
    expected = [d - lr * (p - n) / (2 * size) for d, p, n in zip(direct, *sides, strict=True)]
    assert furthest(found, expected) < 1e-12


def test_the_network_is_left_as_it_was() -> None:
    tiny = Tiny()
    tiny.loss(0)().backward()
    before = {name: value.clone() for name, value in tiny.net.state_dict().items()}
    gradients = [weight.grad.clone() for weight in tiny.weights if weight.grad is not None]
    tiny.found(0.1, 0.1)
    after = tiny.net.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before if "num_batches" not in name)
    assert all(torch.equal(one, weight.grad) for one, weight in zip(gradients, tiny.weights, strict=True))  # type: ignore[arg-type]


def test_a_failure_leaves_the_weights_too() -> None:
    q, before = Quadratic(), Quadratic().w.detach()

    def fails() -> Tensor:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        hypergradient(q.train, fails, [q.w], [q.alpha], lr=0.1)
    assert torch.equal(q.w.detach(), before)


def test_weights_at_rest_give_no_second_order_and_no_infinity() -> None:
    alpha, w = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    found = hypergradient(lambda: (alpha * w).sum(), lambda: alpha.square().sum(), [w], [alpha], lr=0.1)
    assert torch.allclose(found[0], torch.tensor([2.0, 2.0]))


def test_dominant_eigenvalue_of_a_known_hessian() -> None:
    root = normal(5, 5, seed=9)
    hessian = root + root.T
    largest = max(torch.linalg.eigvalsh(hessian).tolist(), key=abs)
    alpha = normal(5, seed=1).requires_grad_()
    before = alpha.detach().clone()
    generator = torch.Generator().manual_seed(0)
    found = dominant_eigenvalue(lambda: alpha @ hessian @ alpha / 2, [alpha], iterations=200, generator=generator)
    assert found == pytest.approx(largest, rel=1e-4)
    assert torch.equal(alpha.detach(), before)


@pytest.mark.parametrize(("epoch", "value"), [(0, 0.0), (5, 0.02), (12.5, 0.05), (25, 0.1), (90, 0.1)])
def test_the_asymptotic_coefficient(epoch: float, value: float) -> None:
    """Equation 6: (0.1 - 0) / 25 * epoch."""
    assert asymptotic(epoch, 25) == pytest.approx(value)
