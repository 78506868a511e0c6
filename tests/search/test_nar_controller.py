"""The controller of NAR, without any network."""

from collections.abc import Iterator
from itertools import product
from random import Random

import pytest
import torch

from facenas.backbones.links import pairs
from facenas.search.strategies.nar import ControllerSettings
from facenas.search.strategies.nar.controller import Controller
from facenas.search.strategies.nar.policy import Learner, gain, implicit_rewards

LEARNING = ControllerSettings(hidden=32, lr=0.01, entropy=0.06, baseline_decay=0.9, temperature=1.0)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks as small as these are slower on two."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("seed", range(10))
def test_it_finds_the_best_operator_of_every_layer(seed: int) -> None:
    """Reward: the share of layers that have their best operator, with the noise of a small held-out batch."""
    torch.manual_seed(seed)
    generator, best = torch.Generator().manual_seed(seed), torch.tensor([Random(100 * seed + layer).randrange(4) for layer in range(4)])
    learner, fixed = Learner(Controller(2, 2, 4, LEARNING)), torch.zeros(16, len(pairs(2)), dtype=torch.long)
    for _ in range(160):
        sampled = learner.sample(16, generator, links=fixed)
        rewards = (sampled.operators == best).float().mean(1) + 0.05 * torch.randn(16, generator=generator)
        learner.update(sampled, rewards, links=False)
    assert learner.sample(1, generator, links=fixed[:1], greedy=True).operators[0].tolist() == best.tolist()


def test_it_finds_links_too() -> None:
    torch.manual_seed(0)
    generator, wanted = torch.Generator().manual_seed(0), torch.tensor([1, 0, 1, 0, 0, 1])
    learner = Learner(Controller(4, 1, 3, LEARNING))
    for _ in range(150):
        sampled = learner.sample(16, generator)
        update = learner.update(sampled, (sampled.links == wanted).float().mean(1))
        assert min(update.operator_gradient, update.link_gradient) > 0
    assert learner.sample(1, generator, greedy=True).links[0].tolist() == wanted.tolist()


def test_policy_gradient_equals_finite_differences_of_the_expected_reward() -> None:
    """Two units, all architectures enumerated: sum p R grad(log p) against the differences of sum p R, whatever the baseline."""
    torch.manual_seed(1)
    controller = Controller(2, 1, 3, ControllerSettings(hidden=4)).double()
    every = torch.tensor(list(product(range(3), range(3), range(2))))
    operators, links, rewards = every[:, :2], every[:, 2:], torch.rand(len(every), dtype=torch.float64)

    def policy() -> tuple[torch.Tensor, torch.Tensor]:
        sampled = controller(len(every), torch.Generator(), operators=operators, links=links)
        log = sampled.operator_log_probability.sum(1) + sampled.link_log_probability.sum(1)
        return gain(sampled, len(every) * log.detach().exp() * (rewards - 0.3)), log.exp()

    climbed, p = policy()
    assert p.sum().item() == pytest.approx(1, abs=1e-12)
    climbed.backward()
    for parameter in controller.parameters():
        flat = parameter.data.view(-1)
        for place in range(0, len(flat), 3):
            expected = []
            for shift in (1e-5, -2e-5):
                flat[place] += shift
                expected.append(float((policy()[1].detach() * rewards).sum()))
            flat[place] += 1e-5
            assert parameter.grad is not None
            assert float(parameter.grad.view(-1)[place]) == pytest.approx((expected[0] - expected[1]) / 2e-5, abs=1e-9)


def test_implicit_rewards_are_equations_6_and_7_by_hand() -> None:
    operators, links = torch.tensor([[0, 2], [1, 2], [0, 1]]), torch.tensor([[1], [0], [1]])
    rewards = torch.tensor([0.5, 0.25, 0.125], dtype=torch.float64)
    by_hand = [[(0.5 + 0.125) / 3, 0.25 / 3, 0], [0, 0.125 / 3, (0.5 + 0.25) / 3]]
    assert implicit_rewards(operators, rewards, 3).tolist() == [pytest.approx(row) for row in by_hand]
    assert implicit_rewards(links, rewards, 2).tolist() == [pytest.approx([0.25 / 3, 0.625 / 3])]


def test_what_is_given_is_kept_and_the_rest_is_drawn_by_its_probability() -> None:
    torch.manual_seed(2)
    controller = Controller(3, 2, 4, ControllerSettings(hidden=8))
    given = torch.randint(4, (5, 6))
    sampled = controller(5, torch.Generator().manual_seed(0), operators=given)
    assert sampled.operators.equal(given)
    assert sampled.links.shape == (5, 3)
    many = controller(4000, torch.Generator().manual_seed(0))
    p, seen = many.operator_logs[0, 0].exp(), torch.bincount(many.operators[:, 0], minlength=4) / 4000
    assert torch.allclose(p, seen, atol=0.03)
    bound = controller.settings.tanh_constant
    assert many.link_logits.abs().max() <= bound and many.operator_logs.exp().min() >= torch.e ** (-2 * bound) / 4


def test_a_learner_goes_on_from_its_state() -> None:
    def learn(learner: Learner, steps: range) -> None:
        for step in steps:
            sampled = learner.controller(4, torch.Generator().manual_seed(step))
            learner.update(sampled, (sampled.operators == 1).float().mean(1))

    def fresh() -> Learner:
        torch.manual_seed(0)
        return Learner(Controller(3, 1, 3, ControllerSettings(hidden=8)))

    whole, first, second = fresh(), fresh(), fresh()
    learn(whole, range(6))
    learn(first, range(3))
    second.load_state_dict(first.state_dict())
    learn(second, range(3, 6))
    assert all(
        torch.equal(a, b) for a, b in zip(whole.controller.state_dict().values(), second.controller.state_dict().values(), strict=True)
    )
    assert whole.baseline == second.baseline
