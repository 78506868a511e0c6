"""Training a blueprint on a task, and scoring it: what a search does with every candidate."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning_fabric import Fabric
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor, nn

from facenas.backbones import Blueprint
from facenas.errors import DivergedError, NotFiniteError, StoppedError
from facenas.score import Epoch, Evaluation, Score, pack_answers
from facenas.training.checkpoint import load_checkpoint
from facenas.training.device import Device, derive_seed, make_fabric
from facenas.training.keeper import CheckpointSettings, Keeper
from facenas.training.listener import Listener, nothing
from facenas.training.logbook import Logbook, over_ranks
from facenas.training.loop import Training, train
from facenas.training.memory import within_memory
from facenas.training.recipe import Recipe
from facenas.training.spread import spread
from facenas.training.tasks import Task

logger = logging.getLogger("facenas")
SILENT = Listener()


class Fitted(NamedTuple):
    """A trained network and its epochs.

    Attributes:
        network: The network that is kept: the average over the steps, where the recipe asks for one.
        history: All epochs of the training.
        seconds_before: Seconds that earlier processes have trained.
    """

    network: nn.Module
    history: tuple[Epoch, ...]
    seconds_before: float  # spent by processes that did not finish it


def fit(
    task: Task,
    blueprint: Blueprint,
    *,
    recipe: Recipe,
    epochs: int,
    seed: int,
    device: Device = "auto",
    fabric: Fabric | None = None,
    initial: Mapping[str, Tensor] | None = None,
    checkpoint: Path | None = None,
    care: CheckpointSettings | None = None,
    every_epoch: bool = False,
    listener: Listener = SILENT,
    **callbacks: Any,
) -> Fitted:
    """Train a blueprint's network from scratch, or on from its checkpoint.

    Args:
        task: Task that the network is trained for: its data, head and validation.
        blueprint: Architecture and space of the network.
        recipe: Optimiser, schedule, batch and precision.
        epochs: Epochs in all.
        seed: Seed of initialisation, order, augmentation and dropout.
        device: Kind of device to train on, where `fabric` is not given.
        fabric: Devices and ranks to train on, if that is decided; several ranks call this alike.
        initial: Weights of the network to begin with; what is not among them is drawn.
        checkpoint: File that keeps what is finished; None: nothing is kept.
        care: Settings of checkpoints and log lines for a long run; None: the loss is looked at once an epoch.
        every_epoch: Whether to validate after every epoch, for `Epoch.validation`.
        listener: Listener that is told of what happens, and asked whether to stop.
        callbacks: Attributes of the listener to replace, such as `after_log=print`.

    Raises:
        DivergedError: If the loss is no longer finite.
        StoppedError: If `stop` said so; the checkpoint is written.
        SettingsError: If the memory does not suffice; the sentence names a batch that fits.
    """
    told, fabric = replace(listener, **callbacks), fabric or make_fabric(device, recipe.precision)
    training = prepare(task, blueprint, recipe=recipe, seed=seed, fabric=fabric, initial=initial)
    training.data = task.data
    history, feed = list[Epoch](), task.feed(fabric, recipe)
    if checkpoint and checkpoint.exists():
        history, remark = load_checkpoint(checkpoint, training, fabric)
        if remark:
            logger.warning(remark)
    for finished in history:
        told.after_epoch(finished)
    keeper = Keeper(checkpoint, training, history, fabric=fabric, care=care)
    steps = feed.dealing.steps
    every = care.log_every if care else steps
    logbook = Logbook(training, feed, seed_of=partial(derive_seed, seed), fabric=fabric, every=every, after_log=told.after_log)

    def finish_epoch(lr: float) -> None:
        loss, correct = over_ranks(fabric, training.loss_sum, "mean"), over_ranks(fabric, training.correct, "sum")
        done = Epoch(training.epoch, float(loss) / steps, int(correct), steps * feed.dealing.size, lr)
        if every_epoch or (care and care.validates(training.epoch, epochs)):
            network = training.kept
            right = _validated(task, network, fabric)
            done = done._replace(validation=right)
            best = right > max((one.validation or 0 for one in history), default=-1)
            if fabric.is_global_zero:
                told.after_validation(network, done)
                if best:
                    told.after_best(network, done)
        history.append(done)
        keeper.save()
        told.after_epoch(done)

    def follow() -> None:
        layout = memory_format(training.model)
        for lr in train(training, feed, contract=task.contract, recipe=recipe, epochs=epochs, seed=seed, fabric=fabric, layout=layout):
            stretch = logbook.step(lr)
            told.after_step(training.epoch + training.step / steps)
            if training.step == 0:
                finish_epoch(lr)
            asked, due = told.stop(), keeper.due
            if fabric.world_size > 1:  # the ranks decide together, and not at every step
                asked, due = (stretch and fabric.strategy.reduce_boolean_decision(one, all=False) for one in (asked, due))
            if training.step and (asked or due):
                logbook.check()
                keeper.save()
            if asked and training.epoch < epochs:
                raise StoppedError(f"stopped after {logbook.done} of {epochs * steps} steps, saved; run the same command to go on")

    within_memory(follow, training, task, recipe, fabric)
    return Fitted(training.kept, tuple(history), keeper.before)


def prepare(
    task: Task, blueprint: Blueprint, *, recipe: Recipe, seed: int, fabric: Fabric, initial: Mapping[str, Tensor] | None = None
) -> Training:
    """A fresh network with its head and optimisers, on the devices.

    Args:
        task: Task that the network is trained for.
        blueprint: Architecture and space of the network.
        recipe: Optimiser, schedule, batch and precision.
        seed: Seed from which that of the initialisation is derived.
        fabric: Devices and ranks to train on.
        initial: Weights of the network to begin with; what is not among them is drawn.
    """
    torch.manual_seed(derive_seed(seed, "initialisation"))
    model: nn.Module = task.model(blueprint)
    model.to(memory_format=memory_format(model))
    if initial:
        model.get_submodule("network").load_state_dict(initial, strict=False)
    if fabric.world_size > 1:
        model = spread(model, fabric.device, batchnorm=recipe.sync_batchnorm)
    network = model.get_submodule("network")
    ema = ModelEmaV3(network, decay=recipe.ema, device=fabric.device) if recipe.ema else None
    optimisers = task.optimisers(model, recipe, fabric.device)
    if recipe.compile:
        network.compile()
    ready, *ready_optimisers = fabric.setup(model, *optimisers)
    return Training(ready, ready_optimisers, ema)


def _validated(task: Task, network: nn.Module, fabric: Fabric) -> int:
    """Correct answers on the validation split, computed by one rank."""
    right = int(task.validate(network).sum()) if fabric.is_global_zero else 0
    return int(fabric.broadcast(right))


def memory_format(network: nn.Module) -> torch.memory_format:
    """The memory format that a network is trained in: channels last, which is faster, or torch's default layout.

    The default is for networks with strided pointwise convolutions of few channels, whose training did not survive channels last
    everywhere.
    """
    convolutions = (module for module in network.modules() if isinstance(module, nn.Conv2d))
    narrow = any(one.kernel_size == (1, 1) and one.stride != (1, 1) and one.in_channels < 16 for one in convolutions)
    return torch.contiguous_format if narrow else torch.channels_last


def evaluate(
    task: Task,
    blueprint: Blueprint,
    *,
    recipe: Recipe,
    epochs: int,
    seed: int,
    device: Device = "auto",
    checkpoint: Path | None = None,
    every_epoch: bool = False,
    best_epoch: bool = False,
    after_step: Callable[[float], None] = nothing,
) -> Evaluation:
    """Train a blueprint's network from scratch, and score it on the validation split after the last epoch.

    A training run whose numbers are no longer finite is a result too: it scores 0.

    Args:
        task: Task that the network is trained for, with a validation split.
        blueprint: Architecture and space of the network.
        recipe: Optimiser, schedule, batch and precision.
        epochs: Epochs in all.
        seed: Seed of initialisation, order, augmentation and dropout.
        device: Kind of device to train on.
        checkpoint: File that keeps what is finished; None: nothing is kept.
        every_epoch: Whether to validate after every epoch, for `Epoch.validation`.
        best_epoch: Whether to score the best epoch instead of the last, which flatters; it needs `every_epoch`.
        after_step: Called after each step with the progress in epochs.
    """
    start, history, before = time.perf_counter(), list[Epoch](), 0.0
    score = Score(correct=0, total=task.validation_items)
    try:
        network, _, before = fit(
            task, blueprint, recipe=recipe, epochs=epochs, seed=seed, device=device, checkpoint=checkpoint, every_epoch=every_epoch,
            listener=Listener(after_epoch=history.append, after_step=after_step),
        )  # fmt: skip
        score, diverged = _score(task, network, history, best_epoch=best_epoch), False
    except (DivergedError, NotFiniteError):
        diverged = True
    kind = make_fabric(device, recipe.precision).device.type
    return Evaluation(score=score, history=tuple(history), seconds=before + time.perf_counter() - start, device=kind, diverged=diverged)


def _score(task: Task, network: nn.Module, history: list[Epoch], *, best_epoch: bool) -> Score:
    trained = {"train_correct": history[-1].correct, "train_total": history[-1].total}
    if best_epoch:
        return Score(correct=max(epoch.validation or 0 for epoch in history), total=task.validation_items, **trained)
    right = task.validate(network)
    return Score(correct=int(right.sum()), total=len(right), answers=pack_answers(right), **trained)
