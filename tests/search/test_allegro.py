"""The search from settings to a genotype, on scikit-learn's digits and drawn faces."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from facenas.backbones import CellSpace
from facenas.errors import SettingsError
from facenas.heads.rule import Margin
from facenas.search import SearchSettings
from facenas.search.evaluator import load_task
from facenas.search.held_out import still_statistics
from facenas.search.strategies.allegro.hypergradient import hypergradient
from facenas.search.strategies.allegro.stage import Differentiable
from facenas.settings import load
from tests.conftest import Result

TINY = [
    "data={name: digits}",
    "space={name: cells, depth: 3, channels: 4, in_channels: 1, input_size: 8, num_classes: 10}",
    "strategy={name: allegro, epochs: 3, chi_epochs: 2, cells: 3, channels: 4, eigenvalue_iterations: 2, retrain_epochs: 1}",
    "data_fraction=0.05",
    "validation_share=0.5",
    "recipe.batch_size=32",
]
FACES = [
    "data={name: synthetic, people: 8, photographs: 8, test_people: 2}",
    "space={name: cells, shape: ir, depth: 5, channels: 8, input_size: 16, embedding_size: 16, output: gdc}",
    "strategy={name: allegro, epochs: 1, cells: 5, channels: 4, eigenvalue_iterations: 0, retrain_epochs: 1}",
]


def settings(*changes: str, tree: list[str] = TINY) -> SearchSettings:
    return load(SearchSettings, command="search", preset="smoke", overrides=[*tree, *changes])


def stage(*changes: str, tree: list[str] = TINY) -> Differentiable:
    made = settings(*changes, tree=tree)
    return Differentiable(made, load_task(made))


def ignored(epochs: float) -> None:
    """Progress that nobody follows."""


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.slow
def test_stopped_between_epochs_it_ends_as_if_left_alone_to_the_bit(tmp_path: Path) -> None:
    whole, first, second = (stage() for _ in range(3))
    facts = [whole.epoch(number, ignored) for number in range(3)]
    assert [first.epoch(number, ignored) for number in range(2)] == facts[:2]
    torch.save(first.state_dict(), tmp_path / "state.pt")
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert second.epoch(2, ignored) == facts[2]
    assert same(whole.training.model.state_dict(), second.training.model.state_dict())
    assert second.shortlist() == whole.shortlist()
    json.dumps(facts, allow_nan=False)
    assert [one["chi"] for one in facts] == [0.0, 0.05, 0.1]
    assert all(one["eigenvalue"] != 0 and 0 <= one["accuracy"] <= 1 and len(one["skips"]) == 2 for one in facts)


@pytest.mark.slow
def test_without_chi_every_step_is_that_of_darts() -> None:
    """chi_max = 0 changes nothing but the term itself: the run is the same as one whose chi has not begun to grow."""
    darts, later = stage("strategy.chi_max=0"), stage("strategy.chi_max=0.1")
    later.seed = darts.seed
    later.training.model.load_state_dict(darts.training.model.state_dict())
    first, second = darts.epoch(0, ignored), later.epoch(0, ignored)  # chi is 0 in the first epoch
    assert first == second and same(darts.training.model.state_dict(), later.training.model.state_dict())


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("order", ["first", "second", "single"])
def test_both_kinds_of_parameters_move(order: str, precision: str) -> None:
    made = stage(f"strategy.order={order}", f"recipe.precision={precision}")
    alphas = [alpha.clone() for alpha in made.supernet.alphas]
    weights = [weight.clone() for weight in made.weights]
    made.epoch(0, ignored)
    assert not any(torch.equal(a, b) for a, b in zip(alphas, made.supernet.alphas, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(weights, made.weights, strict=True))
    assert isinstance(made.space, CellSpace)
    for found in made.shortlist():
        made.space.check(found)


@pytest.mark.slow
def test_in_bf16_the_differences_of_second_order_are_taken_in_fp32() -> None:
    made = stage("recipe.precision=bf16")
    images, labels = made.held.images[:64], made.held.labels[:64]
    batches = [(made.task.contract.prepare(images[at::2]), labels[at::2]) for at in (0, 1)]
    with torch.no_grad():
        for alpha in made.supernet.alphas:
            alpha.copy_(torch.randn(alpha.shape, generator=torch.Generator().manual_seed(0)))

    def second_derivative(in_bf16: bool, differences_in_bf16: bool) -> torch.Tensor:
        """What a learning rate changes, if the drift takes the weights' step back."""
        train, validation = (partial(made._loss, batch, exact=not in_bf16) for batch in batches)
        with made._learning_alphas(), still_statistics(made.training.model):
            back = [-one for one in torch.autograd.grad(train(), made.weights, allow_unused=True, materialize_grads=True)]
            with_it, without = (
                hypergradient(
                    train,
                    validation,
                    made.weights,
                    made.supernet.alphas,
                    lr=lr,
                    drift=back,
                    exact=partial(made._loss, batches[0], exact=not differences_in_bf16),
                )
                for lr in (1.0, 0.0)
            )
        return torch.cat([(one - other).flatten() for one, other in zip(with_it, without, strict=True)])

    exact, as_done, rounded = second_derivative(False, False), second_derivative(True, False), second_derivative(True, True)
    assert torch.cosine_similarity(exact, as_done, 0) > max(0.8, torch.cosine_similarity(exact, rounded, 0))


def test_the_search_is_told_of_a_collapse() -> None:
    made = stage()
    with torch.no_grad():
        made.supernet.normal[:, 3] = 5  # the skip of every edge
    facts = made._found()
    assert facts["skips"][0] == 8 and facts["remark"] == "the search collapses: 8 of the normal cell's 8 edges are skips"
    with torch.no_grad():
        made.supernet.normal[:, 4] = 6
    assert "remark" not in made._found()


def test_images_of_the_architecture_are_not_those_of_the_weights() -> None:
    made = stage()
    of_weights = {image.numpy().tobytes() for image in made.feed.images}  # type: ignore[attr-defined]
    assert of_weights.isdisjoint(image.numpy().tobytes() for image in made.held.images)


@pytest.mark.slow
def test_faces_have_cells_in_the_stages_of_an_ir_network() -> None:
    made = stage(tree=FACES)
    alphas = [alpha.clone() for alpha in made.supernet.alphas]
    facts = made.epoch(0, ignored)
    assert 0 <= facts["accuracy"] <= 1
    assert all((before - after).abs().max() > 1e-5 for before, after in zip(alphas, made.supernet.alphas, strict=True))
    assert len(made.weights) == len(list(made.training.model.parameters())) - 2  # with the head's


@pytest.mark.slow
@pytest.mark.parametrize("head", ["adaface", "curricularface"])
def test_looking_ahead_leaves_what_heads_average(head: str) -> None:
    made = stage(f"head={{name: {head}}}", tree=FACES)
    before = {name: value.clone() for name, value in made.training.model.named_buffers() if "head.rule" in name}
    assert before
    inputs = next(made.feed.epoch(0, 0))
    made._architecture_step(0, 0.1)(0, inputs)
    now = dict(made.training.model.named_buffers())
    assert all(torch.equal(value, now[name]) for name, value in before.items())
    made._loss(made._trained_on(inputs))
    assert not all(torch.equal(value, now[name]) for name, value in before.items())


class Averaging(nn.Module):
    """A rule that is in no list: it keeps two means, one in place and one by assignment, whether it is in training or not."""

    mean: torch.Tensor
    slow: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(0.5))
        self.register_buffer("slow", torch.tensor(0.5))

    def forward(self, own: torch.Tensor, norms: torch.Tensor) -> Margin:
        self.mean.lerp_(own.detach().mean(), 0.5)
        self.slow = 0.9 * self.slow + 0.1 * own.detach().mean()
        return Margin(own * self.mean - self.slow)


@pytest.mark.slow
def test_looking_ahead_leaves_what_a_head_of_others_averages() -> None:
    made = stage(tree=FACES)
    rule = made.training.model.module.head.rule = Averaging()
    inputs = next(made.feed.epoch(0, 0))
    batch = made._trained_on(inputs)
    with still_statistics(made.training.model):
        losses = [made._loss(batch) for _ in range(2)]
    assert torch.equal(*losses)  # as a difference quotient needs it
    made._architecture_step(0, 0.1)(0, inputs)
    made._measured(0)
    assert (rule.mean, rule.slow) == (0.5, 0.5)
    made._loss(batch)
    assert rule.mean != 0.5 and rule.slow != 0.5


def test_the_step_looked_ahead_to_is_the_optimisers() -> None:
    made = stage()
    images, labels = made.held.images[:32], made.held.labels[:32]
    batch = made.task.contract.prepare(images).contiguous(memory_format=made.layout), labels
    (optimiser,) = made.training.optimisers
    for lr in (0.03, 0.02, 0.01):  # momentum is there from the second step on
        gradients = torch.autograd.grad(made._loss(batch), made.weights, allow_unused=True, materialize_grads=True)
        ahead = [w.detach() - lr * (g + d) for w, g, d in zip(made.weights, gradients, made._drift(), strict=True)]
        for weight, gradient in zip(made.weights, gradients, strict=True):
            weight.grad = gradient.clone()
        for group in optimiser.param_groups:
            group["lr"] = lr
        optimiser.step()
        assert all(torch.allclose(a, w, rtol=0, atol=1e-6) for a, w in zip(ahead, made.weights, strict=True))


def test_what_is_found_keeps_to_the_limits_and_gives_up_as_little_as_it_can() -> None:
    free = stage()
    likeliest = free.shortlist()[0]
    most = free.space.count_parameters(likeliest) - 1
    limited = stage(f"limits.parameters={most}")
    limited.supernet.load_state_dict(free.supernet.state_dict())
    (found,) = limited.shortlist()
    assert free.space.count_parameters(found) <= most and found.links == likeliest.links
    assert sum(a != b for a, b in zip(found.operations, likeliest.operations, strict=True)) <= 1
    with pytest.raises(SettingsError, match="no cells of this space are within the limits"):
        stage("limits.parameters=10").shortlist()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["space={name: ir}", "data={name: synthetic}"], "strategy allegro searches cells"),
        (["strategy.channels=6"], "multiple of twice space.groups"),
        (["strategy.schedule={name: printed_exponential_cosine}", "strategy.lr=0.1"], "schedule.lr_max must equal lr"),
        ([*FACES, "strategy.cells=4"], "four cells are reductions: set strategy.cells to 5 or more, not 4"),
    ],
)
def test_what_does_not_go_together_is_refused(changes: list[str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        stage(*changes)


@pytest.mark.slow
def test_from_the_command_to_a_trained_network(facenas: Callable[..., Result]) -> None:
    chosen: list[Any] = [argument for assignment in TINY for argument in ("--set", assignment)]
    found = facenas("search", "--config", "smoke", *chosen, "--run", "run", "--json").json
    assert len(found["architecture"]["links"]) == 16 and found["candidates"] == 1
    again = facenas("search", "--config", "smoke", *chosen, "--run", "run", "--json").json
    assert again["identity"] == found["identity"]
    facenas("report", "run")
    page = Path("run/report.html").read_text()
    assert "normal cell, from epoch 1" in page and "Dominant eigenvalue" in page and "Skips among the 8 edges" in page
    facenas("train", "--config", "digits", "--architecture", "run", "--run", "model", "--set", "epochs=1", "--set", "drop_path=0.3")
    assert json.loads(Path("model/model.json").read_text())["space"]["drop_path"] == 0.3
    said = facenas("train", "--config", "digits", "--architecture", "run", "--set", "epochs=1", "--num-classes", 7, "--run", "x", code=1)
    assert "num_classes=10" in said.stderr
    said = facenas("train", "--config", "digits", "--architecture", "run", "--set", "auxiliary=true", "--run", "x", code=1)
    assert "auxiliary needs classes and features of 6x6" in said.stderr
    other: list[Any] = ["--set", "data.classes=[1, 4, 7]", "--num-classes", 3, "--set", "depth=5", "--set", "channels=8"]
    facenas("train", "--config", "digits", "--architecture", "run", "--set", "epochs=1", *other, "--run", "other")
    card = json.loads(Path("other/model.json").read_text())
    assert (card["space"]["num_classes"], card["architecture"]["depth"], card["architecture"]["width"]) == (3, 5, 8)
    assert card["architecture"]["operations"] == found["architecture"]["operations"]
