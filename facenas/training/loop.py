"""The training loop, whole and visible."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional

from facenas.data import InputContract
from facenas.errors import DivergedError
from facenas.training.device import derive_seed
from facenas.training.recipe import Recipe


class Epoch(NamedTuple):
    """What one epoch of training did."""

    epoch: int
    loss: float
    correct: int
    total: int
    lr: float
    validation: int | None = None  # correct answers on the validation split, where every epoch is validated


@dataclass
class Training:
    """All that changes while a network is trained: what a checkpoint holds.

    Attributes:
        model: From images (B, C, H, W) and labels (B,) to logits (B, N).
        optimiser: Of all its parameters.
        epoch: Finished epochs.
        seconds: Spent on them by processes that are gone.
    """

    model: nn.Module
    optimiser: torch.optim.Optimizer
    epoch: int = 0
    seconds: float = 0.0


def train(
    training: Training,
    images: Tensor,
    labels: Tensor,
    *,
    contract: InputContract,
    recipe: Recipe,
    epochs: int,
    seed: int,
    fabric: Fabric,
    layout: torch.memory_format,
    after_epoch: Callable[[Epoch], None],
    after_step: Callable[[float], None] = lambda progress: None,
) -> None:
    """Train up to `epochs` epochs, from wherever `training` stands; `training` is changed in place.

    Args:
        training: Model, optimiser and finished epochs.
        images: All training images (M, C, H, W), uint8, on the device.
        labels: Their classes or identities (M,), on the device.
        contract: How images become the network's input.
        recipe: Optimiser settings, schedule, augmentation.
        epochs: Epochs in all; the schedule spans them.
        seed: Of order, augmentation and dropout; each epoch derives its own, so a resumed run equals an uninterrupted one.
        fabric: Device and precision.
        layout: Memory format of the batches.
        after_epoch: Called with each finished epoch.
        after_step: Called with the progress in epochs.

    Raises:
        DivergedError: If an epoch's mean loss is not finite.
    """
    steps = max(1, len(images) // recipe.batch_size)
    for epoch in range(training.epoch, epochs):
        training.model.train()
        loss_sum, correct, seen, lr = torch.zeros((), device=images.device), torch.zeros((), device=images.device, dtype=torch.long), 0, 0.0
        for step, (batch, targets) in enumerate(_batches(images, labels, contract, recipe, derive_seed(seed, epoch), layout)):
            lr = recipe.learning_rate(epoch + (step + 0.5) / steps, epochs)
            for group in training.optimiser.param_groups:
                group["lr"] = lr
            logits = training.model(batch, targets)
            loss = functional.cross_entropy(logits.float(), targets)
            training.optimiser.zero_grad()
            fabric.backward(loss)
            if recipe.clip_norm:
                nn.utils.clip_grad_norm_(training.model.parameters(), recipe.clip_norm)
            training.optimiser.step()
            loss_sum += loss.detach()
            correct += (logits.detach().argmax(1) == targets).sum()
            seen += len(targets)
            after_step(epoch + (step + 1) / steps)
        mean_loss = float(loss_sum) / steps
        if not math.isfinite(mean_loss):
            raise DivergedError(
                f"the loss became {mean_loss} in epoch {epoch + 1} of {epochs}; a lower learning rate (now {lr:g}) may help"
            )
        training.epoch = epoch + 1
        after_epoch(Epoch(epoch + 1, mean_loss, int(correct), seen, lr))


def _batches(
    images: Tensor, labels: Tensor, contract: InputContract, recipe: Recipe, seed: int, layout: torch.memory_format
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch of augmented full batches in random order; the remainder that fills no batch is left out."""
    torch.manual_seed(seed)  # dropout
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(images), generator=generator).to(images.device)
    size = min(recipe.batch_size, len(images))
    for start in range(0, len(images) - size + 1, size):
        rows = order[start : start + size]
        batch = recipe.augmentation.apply(contract.prepare(images[rows]), generator)
        yield batch.contiguous(memory_format=layout), labels[rows]
