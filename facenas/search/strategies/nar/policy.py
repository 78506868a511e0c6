"""Policy gradient: how the controller learns from rewards, and the reward that it thereby gives to every single decision."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from facenas.search.strategies.nar.controller import Controller, Sampled


class Update(NamedTuple):
    """What one update of the controller did: gradient magnitudes of both heads, entropy of an architecture in nats, the baseline."""

    operator_gradient: float
    link_gradient: float
    entropy: float
    baseline: float


class Learner:
    """REINFORCE with a moving baseline and an entropy bonus, by Adam.

    Source: ENAS, sections 2.2 and 3.2; NAR, equations 1 to 3.

    Args:
        controller: The controller that learns.
    """

    def __init__(self, controller: Controller) -> None:
        self.controller, self.settings = controller, controller.settings
        self.optimiser = torch.optim.Adam(controller.parameters(), lr=self.settings.lr)
        self.baseline: float | None = None

    def sample(
        self, count: int, generator: torch.Generator, *, operators: Tensor | None = None, links: Tensor | None = None, greedy: bool = False
    ) -> Sampled:
        """Architectures drawn from the controller.

        Args:
            count: Number of architectures, M.
            generator: Generator of the draws.
            operators: Operators (M, J) to take instead of drawing them.
            links: Links (M, P) to take instead of drawing them, 0 or 1.
            greedy: Whether to take the likeliest of each decision instead of drawing.
        """
        with _one_thread():
            drawn: Sampled = self.controller(count, generator, operators=operators, links=links, greedy=greedy)
        return drawn

    def update(self, sampled: Sampled, rewards: Tensor, *, operators: bool = True, links: bool = True) -> Update:
        """Update the controller once from architectures and their rewards.

        Args:
            sampled: Architectures drawn from the controller as it is now.
            rewards: Reward of each architecture (M,), in [0, 1].
            operators: Whether the operators were drawn.
            links: Whether the links were drawn.
        """
        mean, decay = float(rewards.mean()), self.settings.baseline_decay
        self.baseline = mean if self.baseline is None else decay * self.baseline + (1 - decay) * mean
        entropy = sampled.entropy(operators=operators, links=links).mean()
        climbed = gain(sampled, rewards - self.baseline, operators=operators, links=links) + self.settings.entropy * entropy
        with _one_thread():
            self.optimiser.zero_grad()
            torch.autograd.backward(-climbed)
            self.optimiser.step()
        gradients = _gradient(self.controller.operator_head), _gradient(self.controller.link_head)
        return Update(*gradients, entropy=float(entropy.detach()), baseline=self.baseline)

    def state_dict(self) -> dict[str, Any]:
        """The state of the controller, its optimiser and the baseline."""
        return {"controller": self.controller.state_dict(), "optimiser": self.optimiser.state_dict(), "baseline": self.baseline}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state that `state_dict` returned."""
        self.controller.load_state_dict(state["controller"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.baseline = state["baseline"]


def gain(sampled: Sampled, advantages: Tensor, *, operators: bool = True, links: bool = True) -> Tensor:
    """(1 / M) sum_i R_i log p(tau_i): what policy gradient climbs.

    Args:
        sampled: Architectures with their policy.
        advantages: Reward of each over the baseline (M,).
        operators: Whether the operators were drawn.
        links: Whether the links were drawn.

    Source: NAR, equations 1 to 3; with one kind of decision given, equations 9 and 10.
    """
    logs = [sampled.operator_log_probability] * operators + [sampled.link_log_probability] * links
    return (advantages * torch.cat(logs, 1).sum(1)).mean()


def implicit_rewards(choices: Tensor, rewards: Tensor, kinds: int) -> Tensor:
    """The reward that policy gradient gives to each kind of each decision: (1 / N) sum_i [choice i is k] R_i.

    Args:
        choices: Number of what was chosen (N, J): operators, or links that are there (1) or not (0).
        rewards: Reward of each of the N architectures (N,).
        kinds: How many there are to choose from, K.

    Returns:
        The mean rewards (J, K).

    Source: NAR, equations 6 and 7.
    """
    chosen = functional.one_hot(choices, kinds).to(rewards.dtype)
    return torch.einsum("njk,n->jk", chosen, rewards) / len(rewards)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Matrices as small as these are slower on two threads, on a busy machine a hundred times; and no sum depends on the threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _gradient(head: nn.Module) -> float:
    """Magnitude of the gradient of a head's parameters; 0 where it has none."""
    return float(sum(float(p.grad.square().sum()) for p in head.parameters() if p.grad is not None) ** 0.5)
