"""The weights that many architectures share, in training: what the stages of all strategies with shared weights have in common."""

import math
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from facenas.backbones import Blueprint
from facenas.errors import DivergedError
from facenas.training.device import derive_seed
from facenas.training.feed import Feed
from facenas.training.fit import memory_format
from facenas.training.loop import Batch, Training, batches
from facenas.training.recipe import Recipe
from facenas.training.tasks import Task


class SupernetTraining:
    """A supernet with its head, optimisers and feed.

    Args:
        task: The data that it is trained on, and its objective.
        base: One of the networks that the supernet stands for; its output size is that of all.
        supernet: Function that makes the supernet.
        recipe: Optimiser, schedule and precision of the weights.
        epochs: Number of epochs in all.
        seed: Seed of the initialisation.
        fabric: Device and precision.

    Attributes:
        training: Model, optimisers, and how far they are.
        feed: The training images.
        layout: Memory format of the batches.
    """

    def __init__(
        self, task: Task, base: Blueprint, supernet: Callable[[], nn.Module], *, recipe: Recipe, epochs: int, seed: int, fabric: Fabric
    ) -> None:
        self.task, self.recipe, self.epochs, self.fabric = task, recipe, epochs, fabric
        torch.manual_seed(derive_seed(seed, "initialisation"))
        model = task.model(base)
        model.network = supernet()
        self.layout = memory_format(model)
        model.to(memory_format=self.layout)
        ready, *optimisers = fabric.setup(model, *task.optimisers(model, recipe, fabric.device))
        self.training = Training(ready, optimisers)
        self.feed: Feed = task.feed(fabric, recipe)

    @property
    def steps(self) -> int:
        """Number of steps in an epoch."""
        return self.feed.dealing.steps

    def epoch(self, seed: int) -> Iterator[Batch]:
        """The batches of the next epoch; the caller calls the `weight_step` of each.

        Args:
            seed: Seed of order, augmentation and dropout of all epochs.
        """
        going = batches(
            self.training, self.feed, contract=self.task.contract, recipe=self.recipe, epochs=self.epochs, seed=seed, fabric=self.fabric,
            layout=self.layout,
        )  # fmt: skip
        return islice(going, self.steps)

    def facts(self, *others: torch.Tensor) -> dict[str, float]:
        """Mean loss, share of hits and last learning rate of the epoch that has just ended.

        Args:
            others: Other parameters, which must be finite too.

        Raises:
            DivergedError: If the loss or a parameter is no longer finite.
        """
        training, loss = self.training, float(self.training.loss_sum) / self.steps
        if not (math.isfinite(loss) and all(other.isfinite().all() for other in others)):
            raise DivergedError(f"the loss of the shared weights became {loss:g} in epoch {training.epoch}; lower strategy.lr")
        lr = self.recipe.learning_rate(training.epoch - 1 + (self.steps - 0.5) / self.steps, self.epochs)
        return {"loss": loss, "trained": int(training.correct) / (self.steps * self.feed.dealing.size), "lr": lr}

    def state_dict(self) -> dict[str, Any]:
        """The state of the weights and their optimisers, and how far the training is."""
        optimisers = [optimiser.state_dict() for optimiser in self.training.optimisers]
        return {"model": self.training.model.state_dict(), "optimisers": optimisers, "epoch": self.training.epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state that `state_dict` returned; other keys are ignored."""
        self.training.model.load_state_dict(state["model"])
        for optimiser, kept in zip(self.training.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)
        self.training.epoch = state["epoch"]
