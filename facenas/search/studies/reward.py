"""What policy gradient gives to operators and skips, and how differently both heads of the controller learn."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import torch
from pydantic import Field

from facenas.errors import RunError
from facenas.search.row import StageEpoch
from facenas.search.settings import SearchSettings
from facenas.search.strategies.nar import NARSettings
from facenas.search.strategies.nar.policy import implicit_rewards
from facenas.search.studies.common import Spread
from facenas.settings import Section

HEADS = ("operators", "skips")


class RewardSettings(Section):
    """Settings of `facenas study reward`."""

    search: SearchSettings = Field(description="A search with strategy nar; both operators and skips are searched, by one controller.")
    seeds: tuple[int, ...] = Field((0,), min_length=1, description="Seeds of the search.")

    def searched(self, seed: int) -> SearchSettings:
        """Settings of the search with a seed; what it finds does not matter."""
        if not isinstance(self.search.strategy, NARSettings):
            raise RunError(f"study reward follows a search by strategy nar, got {self.search.strategy.name}; set search.strategy.name=nar")
        strategy = self.search.strategy.model_copy(update={"skips": "joint", "shortlist": 1, "retrain_epochs": 1})
        return self.search.model_copy(update={"strategy": strategy, "seed": seed})


class HeadRewards(Section):
    """What one head of the controller did: the head for operators, or that for skips."""

    implicit: tuple[tuple[float, ...], ...] = Field(description="Reward of each kind of each decision, over all samples (equations 6, 7).")
    noise: float = Field(description="How much these rewards scatter from epoch to epoch, in units of their mean.")
    gradients: tuple[float, ...] = Field(description="Magnitude of the head's gradient at each update (figure 1).")
    roughness: float = Field(description="Mean change of that magnitude between updates, in units of its mean.")


class RewardStudy(Section):
    """Result of `facenas study reward`."""

    seeds: tuple[dict[str, HeadRewards], ...] = Field(description="Both heads, for each seed.")
    summary: dict[str, Spread] = Field(description="Over the seeds.")


def rewards(epochs: Sequence[StageEpoch]) -> dict[str, HeadRewards]:
    """Gradients and rewards of both heads of the controller, in one search.

    Args:
        epochs: Epochs of a search that `RewardSettings.searched` describes.

    Raises:
        RunError: If the controller has made fewer than two updates.
    """
    learned = [row.facts for row in epochs if row.facts["operator_gradient"]]
    if sum(len(facts["operator_gradient"]) for facts in learned) < 2:
        raise RunError("the controller made fewer than two updates; raise search.strategy.epochs")
    kinds = len(learned[0]["operators"][0]), 2
    names = ("operator_gradient", "link_gradient")
    return {
        head: _head([facts["samples"] for facts in learned], place, kind, [value for facts in learned for value in facts[name]])
        for place, (head, kind, name) in enumerate(zip(HEADS, kinds, names, strict=True))
    }


def reward_study(seeds: Sequence[dict[str, HeadRewards]]) -> RewardStudy:
    """Mean and spread of the study's figures over seeds.

    Source: NAR, section 3.2 and figure 1: the gradient of skips oscillates, that of operators is smooth.
    """
    summary = {
        f"{what} of {head}": Spread.of(getattr(seed[head], what) for seed in seeds) for what in ("roughness", "noise") for head in HEADS
    }
    return RewardStudy(seeds=tuple(seeds), summary=summary)


def _head(samples: Sequence[Sequence[list[object]]], place: int, kinds: int, gradients: Sequence[float]) -> HeadRewards:
    each = [_implicit(some, place, kinds) for some in samples]
    whole = _implicit([one for some in samples for one in some], place, kinds)
    scatter = torch.stack(each).std(0, unbiased=False).mean() / whole.mean().clamp(min=1e-12)
    steps = [abs(after - before) for before, after in pairwise(gradients)]
    return HeadRewards(
        implicit=tuple(tuple(row) for row in whole.tolist()),
        noise=float(scatter),
        gradients=tuple(gradients),
        roughness=_mean(steps) / max(_mean(gradients), 1e-12),
    )


def _implicit(samples: Sequence[list[object]], place: int, kinds: int) -> torch.Tensor:
    """Implicit rewards of samples as a stage's rows keep them: digits of the operators, digits of the links, reward."""
    choices = torch.tensor([[int(digit) for digit in str(sample[place])] for sample in samples])
    return implicit_rewards(choices, torch.tensor([sample[2] for sample in samples], dtype=torch.float64), kinds)


def _mean(values: Iterable[float]) -> float:
    known = list(values)
    return sum(known) / len(known)
