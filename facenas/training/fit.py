"""Training a blueprint on a task, and scoring it: what a search does with every candidate."""

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from lightning_fabric import Fabric
from pydantic import Field
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor, nn

from facenas.backbones import Blueprint
from facenas.errors import DivergedError, NotFiniteError, StoppedError
from facenas.settings import Section
from facenas.training.checkpoint import load_checkpoint
from facenas.training.device import Device, derive_seed, make_fabric
from facenas.training.keeper import Care, Keeper
from facenas.training.logbook import Log, Logbook, over_ranks
from facenas.training.loop import Epoch, Training, train
from facenas.training.memory import within_memory
from facenas.training.recipe import Recipe
from facenas.training.score import Score, pack_answers
from facenas.training.spread import spread
from facenas.training.tasks import Task

logger = logging.getLogger("facenas")


def nothing(_: object) -> None:
    """A listener that does not care."""


class Fitted(NamedTuple):
    """A trained network and its epochs."""

    network: nn.Module
    history: tuple[Epoch, ...]
    seconds_before: float  # spent by processes that did not finish it


class Evaluation(Section):
    """A candidate's score with all that a journal keeps about it."""

    score: Score = Field(description="Integer counts.")
    history: tuple[Epoch, ...] = Field(description="Every epoch of training.")
    seconds: float = Field(ge=0, description="Time from building to scoring.")
    device: str = Field(description="Kind of device that trained it.")
    diverged: bool = Field(False, description="Whether training ended in numbers that are not finite; the score is then 0.")
    remark: str = Field("", description="Why the candidate was refused, if it was.")
    processor: str = Field("", description="Kind of processor that trained it; results of equal kinds are equal to the bit.")
    filed: str = Field("", description="Name of the result in a cache: all that it depends on, where it was computed.")


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
    care: Care | None = None,
    every_epoch: bool = False,
    after_epoch: Callable[[Epoch], None] = nothing,
    after_step: Callable[[float], None] = nothing,
    after_log: Callable[[Log], None] = nothing,
    after_validation: Callable[[nn.Module, Epoch], object] = lambda network, epoch: None,
    after_best: Callable[[nn.Module, Epoch], object] = lambda network, epoch: None,
    stop: Callable[[], bool] = lambda: False,
) -> Fitted:
    """Train a blueprint's network from scratch, or on from its checkpoint.

    Args:
        task: Data and objective.
        blueprint: What to build.
        recipe: How to train.
        epochs: Epochs in all.
        seed: Of initialisation, order, augmentation and dropout.
        device: Where.
        fabric: Where, if it is decided; several ranks call this alike.
        initial: Weights of the network to begin with; what is not among them is drawn.
        checkpoint: File that keeps what is finished.
        care: Looks after a long run; None: the loss is looked at once an epoch.
        every_epoch: Whether to validate after every epoch, for `Epoch.validation`.
        after_epoch: Called with each finished epoch.
        after_step: Called with the progress in epochs.
        after_log: Called with each stretch of steps.
        after_validation: Called with the network of each validated epoch, by the first rank.
        after_best: The same, whenever an epoch validates better than all before.
        stop: Asked whether to save and end; at the end of a stretch where there are several ranks.

    Raises:
        DivergedError: If the loss is no longer finite.
        StoppedError: If `stop` said so; the checkpoint is written.
        SettingsError: If the memory does not suffice; the sentence names a batch that fits.
    """
    fabric = fabric or make_fabric(device, recipe.precision)
    training = prepare(task, blueprint, recipe=recipe, seed=seed, fabric=fabric, initial=initial)
    history, feed = list[Epoch](), task.feed(fabric, recipe)
    if checkpoint and checkpoint.exists():
        history, remark = load_checkpoint(checkpoint, training, fabric)
        if remark:
            logger.warning(remark)
    for finished in history:
        after_epoch(finished)
    keeper = Keeper(checkpoint, training, history, fabric=fabric, care=care)
    steps = feed.dealing.steps
    every = care.log_every if care else steps
    logbook = Logbook(training, feed, seed_of=partial(derive_seed, seed), fabric=fabric, every=every, after_log=after_log)

    def finish_epoch(lr: float) -> None:
        loss, correct = over_ranks(fabric, training.loss_sum, "mean"), over_ranks(fabric, training.correct, "sum")
        done = Epoch(training.epoch, float(loss) / steps, int(correct), steps * feed.dealing.size, lr)
        if every_epoch or (care and care.validates(training.epoch, epochs)):
            network = training.kept
            right = _validated(task, network, fabric)
            done = done._replace(validation=right)
            best = right > max((one.validation or 0 for one in history), default=-1)
            if fabric.is_global_zero:
                after_validation(network, done)
                if best:
                    after_best(network, done)
        history.append(done)
        keeper.save()
        after_epoch(done)

    def follow() -> None:
        layout = memory_format(training.model)
        for lr in train(training, feed, contract=task.contract, recipe=recipe, epochs=epochs, seed=seed, fabric=fabric, layout=layout):
            told = logbook.step(lr)
            after_step(training.epoch + training.step / steps)
            if training.step == 0:
                finish_epoch(lr)
            asked, due = stop(), keeper.due
            if fabric.world_size > 1:  # the ranks decide together, and not at every step
                asked, due = (told and fabric.strategy.reduce_boolean_decision(one, all=False) for one in (asked, due))
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
    """A fresh network with its head and optimisers, on the devices."""
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
    """Channels last, which is faster, unless oneDNN (torch 2.14 and 2.15) breaks in it.

    The weight gradient of a strided 1x1 convolution of fewer than 16 channels writes beyond its memory (AVX-512) or never ends (AVX2).
    """
    convolutions = (module for module in network.modules() if isinstance(module, nn.Conv2d))
    breaks = any(one.kernel_size == (1, 1) and one.stride != (1, 1) and one.in_channels < 16 for one in convolutions)
    return torch.contiguous_format if breaks else torch.channels_last


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
    """Train from scratch, score on the validation split after the last epoch; the arguments are those of `fit`.

    `best_epoch` scores the best epoch instead of the last, which flatters; it needs `every_epoch`. A training run whose numbers are no
    longer finite is a result too: it scores 0.
    """
    start, history, before = time.perf_counter(), list[Epoch](), 0.0
    score = Score(correct=0, total=task.validation_items)
    try:
        network, _, before = fit(
            task, blueprint, recipe=recipe, epochs=epochs, seed=seed, device=device,
            checkpoint=checkpoint, every_epoch=every_epoch, after_epoch=history.append, after_step=after_step,
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
