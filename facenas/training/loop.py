"""The training loop, whole and visible."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricModule, _FabricOptimizer
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor, nn

from facenas.backbones.fast import FastPaths, tell_without_compiler
from facenas.data import Fingerprint, InputContract
from facenas.score import Epoch
from facenas.training.device import derive_seed
from facenas.training.feed import Feed, Inputs
from facenas.training.graph import Recorded
from facenas.training.recipe import Recipe

__all__ = ["Batch", "Epoch", "Training", "batches", "train"]


@dataclass
class Training:
    """All that changes while a network is trained: what a checkpoint holds.

    Attributes:
        model: Network and head: from images (B, C, H, W) and labels (B,) to the mean loss and the number of hits.
        optimisers: Optimisers of its parameters; the second, where there is one, is for class centres that differ from rank to rank.
        ema: Average of the network over the steps, if one is kept.
        epoch: Number of finished epochs.
        step: Number of finished steps of the epoch after those.
        loss: Loss of the last step.
        loss_sum: Sum of the losses of this epoch's steps.
        correct: Number of hits in this epoch.
        losses: Losses of the steps that no line of the log has told yet.
        first_loss: Mean loss of the first stretch of steps; None: it is not finished.
        waited: Seconds that steps waited for their images.
        seconds: Seconds that earlier processes have trained.
        data: Fingerprints of the data that it is trained on.
    """

    model: _FabricModule
    optimisers: list[_FabricOptimizer]
    ema: ModelEmaV3 | None = None
    epoch: int = 0
    step: int = 0
    loss: Tensor = field(default_factory=lambda: torch.zeros(()))
    loss_sum: Tensor = field(default_factory=lambda: torch.zeros(()))
    correct: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.long))
    losses: list[Tensor] = field(default_factory=list)
    first_loss: float | None = None
    waited: float = 0.0
    seconds: float = 0.0
    data: tuple[Fingerprint, ...] = ()

    @property
    def kept(self) -> nn.Module:
        """The network that is validated and saved: the average, where there is one; in single precision."""
        network: nn.Module = self.ema.module if self.ema else self.model.network
        return deepcopy(network).float() if next(network.parameters()).dtype == torch.float64 else network


@runtime_checkable
class Progressing(Protocol):
    """A network that changes as training goes on: it is told at the beginning of each epoch."""

    def progress(self, share: float) -> None:
        """Take note of how far training has come, a share in [0, 1]."""


class Batch(NamedTuple):
    """What a step of training begins with.

    Attributes:
        inputs: Tensors of which the feed's `batch` makes images, labels and draws.
        lr: Learning rate of the step.
        weight_step: Function that trains the weights on the batch; it is called once, then the next batch can be asked for.
    """

    inputs: Inputs
    lr: float
    weight_step: Callable[[], None]


def train(
    training: Training,
    feed: Feed,
    *,
    contract: InputContract,
    recipe: Recipe,
    epochs: int,
    seed: int,
    fabric: Fabric,
    layout: torch.memory_format,
) -> Iterator[float]:
    """Train up to `epochs` epochs, from wherever `training` stands; `training` is changed in place.

    Nothing waits for the device: whoever reads `training.loss` does.

    Args:
        training: Model, optimisers, and how far they are.
        feed: Feed of the training images.
        contract: How images become the network's input.
        recipe: Optimiser settings, schedule, augmentation.
        epochs: Epochs in all; the schedule spans them.
        seed: Seed of order, augmentation and dropout; each epoch derives its own, so a resumed run equals an uninterrupted one.
        fabric: Devices and precision.
        layout: Memory format of the batches.

    Yields:
        The learning rate of each finished step.
    """
    for batch in batches(
        training, feed, contract=contract, recipe=recipe, epochs=epochs, seed=seed, fabric=fabric, layout=layout, recorded=True
    ):
        batch.weight_step()
        yield batch.lr


def batches(
    training: Training,
    feed: Feed,
    *,
    contract: InputContract,
    recipe: Recipe,
    epochs: int,
    seed: int,
    fabric: Fabric,
    layout: torch.memory_format,
    recorded: bool = False,
) -> Iterator[Batch]:
    """The batches of `train`, for loops that do something else too: they call each batch's `weight_step` themselves.

    Args:
        training: Model, optimisers, and how far they are; it is changed in place.
        feed: Feed of the training images.
        contract: How images become the network's input.
        recipe: Optimiser settings, schedule, augmentation.
        epochs: Epochs in all; the schedule spans them.
        seed: Seed of order, augmentation and dropout; each epoch derives its own.
        fabric: Devices and precision.
        layout: Memory format of the batches.
        recorded: Whether every step does the same, so that a GPU may record the first.
    """
    for counter in ("loss", "loss_sum", "correct"):
        setattr(training, counter, getattr(training, counter).to(fabric.device))
    step = _step(training, feed, contract=contract, recipe=recipe, fabric=fabric, layout=layout)
    recordable = recorded and fabric.device.type == "cuda" and fabric.world_size == 1 and recipe.precision != "fp16" and not recipe.compile
    groups = [group for one in training.optimisers for group in one.param_groups]
    run, rates = Recorded(step) if recordable else step, _rates(groups, fabric.device)
    for epoch in range(training.epoch, epochs):
        training.model.train()
        if isinstance(training.model.network, Progressing):
            training.model.network.progress(epoch / epochs)
        epoch_seed = derive_seed(seed, epoch)
        if training.step == 0:  # else random numbers go on where they were
            training.loss_sum.zero_()
            training.correct.zero_()
            torch.manual_seed(epoch_seed)  # the same on all ranks
        dealt, steps = feed.epoch(epoch_seed, training.step), feed.dealing.steps
        for index in range(training.step, steps):
            began = time.perf_counter()
            inputs = next(dealt)
            training.waited += time.perf_counter() - began
            lr = recipe.learning_rate(epoch + (index + 0.5) / steps, epochs)
            rates(lr)
            then = (epoch, index + 1) if index + 1 < steps else (epoch + 1, 0)
            yield Batch(inputs, lr, partial(_take, training, partial(run, *inputs), then))


def _take(training: Training, step: Callable[[], None], then: tuple[int, int]) -> None:
    """A step, and how far training is afterwards: finished epochs, and steps of the next."""
    step()
    if training.ema:
        training.ema.update(training.model.network)
    training.epoch, training.step = then


def _step(
    training: Training, feed: Feed, *, contract: InputContract, recipe: Recipe, fabric: Fabric, layout: torch.memory_format
) -> Callable[..., None]:
    """One optimiser step on one batch of this rank."""
    model, optimisers, parts = training.model, training.optimisers, recipe.accumulate
    faster = _faster(model.network, recipe, fabric.device)
    clipped = list((model.parameters if recipe.clip_head and len(optimisers) == 1 else model.network.parameters)())

    def step(*inputs: Tensor) -> None:
        pixels, labels, draws = feed.batch(*inputs)
        for optimiser in optimisers:
            optimiser.zero_grad()
        training.loss.zero_()
        for part, (some, targets, drawn) in enumerate(zip(*(whole.tensor_split(parts) for whole in (pixels, labels, draws)), strict=True)):
            share = len(some) / len(pixels)
            batch = recipe.augmentation.change(contract.prepare(recipe.augmentation.crop(some, drawn)), drawn)
            with fabric.no_backward_sync(model, enabled=part < parts - 1):
                with faster:
                    loss, correct = model(batch.contiguous(memory_format=layout), targets)
                fabric.backward(loss * share)
            training.loss.add_(loss.detach() * share)
            training.correct.add_(correct)
        if recipe.clip_norm:
            fabric.strategy.precision.unscale_gradients(optimisers[0].optimizer)
            nn.utils.clip_grad_norm_(clipped, recipe.clip_norm)
        for optimiser in optimisers:
            optimiser.step()
        training.loss_sum.add_(training.loss)

    return step


def _faster(network: nn.Module, recipe: Recipe, device: torch.device) -> AbstractContextManager[Any]:
    """What a network's forward pass in training is computed within."""
    if device.type != "cpu" or recipe.compile:
        return nullcontext()
    tell_without_compiler(network)
    return FastPaths(network)


def _rates(groups: list[dict[str, Any]], device: torch.device) -> Callable[[float], None]:
    """Sets the learning rate: on a GPU in a tensor, where a recorded step reads it."""
    tensor = torch.zeros((), device=device) if device.type == "cuda" else None

    def to(lr: float) -> None:
        if tensor is not None:
            tensor.fill_(lr)
        for group in groups:
            group["lr"] = lr if tensor is None else tensor

    return to
