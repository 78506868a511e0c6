"""The training loop, whole and visible."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional

from facenas.data import InputContract
from facenas.errors import DivergedError
from facenas.training.device import derive_seed
from facenas.training.graph import Recorded
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

    Nothing waits for the device within an epoch: order and augmentation are drawn before it, loss and hits are read after it.

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
    size, device = min(recipe.batch_size, len(images)), images.device
    steps = len(images) // size  # the remainder that fills no batch is left out
    loss_sum, correct, lr = torch.zeros((), device=device), torch.zeros((), device=device, dtype=torch.long), 0.0

    def step(rows: Tensor, draws: Tensor) -> None:
        pixels, targets = recipe.augmentation.crop(images[rows], draws), labels[rows]
        batch = recipe.augmentation.change(contract.prepare(pixels), draws)
        logits = training.model(batch.contiguous(memory_format=layout), targets)
        loss = functional.cross_entropy(logits.float(), targets)
        training.optimiser.zero_grad()
        fabric.backward(loss)
        if recipe.clip_norm:
            nn.utils.clip_grad_norm_(training.model.parameters(), recipe.clip_norm)
        training.optimiser.step()
        loss_sum.add_(loss.detach())
        correct.add_((logits.detach().argmax(1) == targets).sum())

    run = Recorded(step) if device.type == "cuda" else step
    rates = _rates(training.optimiser, device)
    for epoch in range(training.epoch, epochs):
        training.model.train()
        loss_sum.zero_()
        correct.zero_()
        epoch_seed = derive_seed(seed, epoch)
        torch.manual_seed(epoch_seed)  # dropout
        generator = torch.Generator().manual_seed(epoch_seed)
        order = torch.split(torch.randperm(len(images), generator=generator)[: steps * size].to(device), size)
        draws = torch.split(recipe.augmentation.draw(steps * size, generator).to(device), size)
        for index in range(steps):
            lr = recipe.learning_rate(epoch + (index + 0.5) / steps, epochs)
            rates(lr)
            run(order[index], draws[index])
            after_step(epoch + (index + 1) / steps)
        mean_loss = float(loss_sum) / steps
        if not math.isfinite(mean_loss):
            raise DivergedError(
                f"the loss became {mean_loss} in epoch {epoch + 1} of {epochs}; a lower learning rate (now {lr:g}) may help"
            )
        training.epoch = epoch + 1
        after_epoch(Epoch(epoch + 1, mean_loss, int(correct), steps * size, lr))


def _rates(optimiser: torch.optim.Optimizer, device: torch.device) -> Callable[[float], None]:
    """Sets the learning rate: on a GPU in a tensor, where a recorded step reads it."""
    tensor = torch.zeros((), device=device) if device.type == "cuda" else None

    def to(lr: float) -> None:
        if tensor is not None:
            tensor.fill_(lr)
        for group in optimiser.param_groups:
            group["lr"] = lr if tensor is None else tensor

    return to
