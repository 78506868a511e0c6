"""Training a blueprint on a task, and scoring it: what a search does with every candidate."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from pydantic import Field
from torch import nn

from facenas.backbones import Blueprint
from facenas.errors import DivergedError, NotFiniteError
from facenas.settings import Section
from facenas.training.checkpoint import load_checkpoint, save_checkpoint
from facenas.training.device import Device, derive_seed, make_fabric
from facenas.training.loop import Epoch, Training, train
from facenas.training.recipe import Recipe
from facenas.training.score import Score, pack_answers
from facenas.training.tasks import Task


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


def fit(
    task: Task,
    blueprint: Blueprint,
    *,
    recipe: Recipe,
    epochs: int,
    seed: int,
    device: Device = "auto",
    checkpoint: Path | None = None,
    every_epoch: bool = False,
    after_epoch: Callable[[Epoch], None] = nothing,
    after_step: Callable[[float], None] = nothing,
) -> Fitted:
    """Train a blueprint's network from scratch, or on from its checkpoint.

    Args:
        task: Data and objective.
        blueprint: What to build.
        recipe: How to train.
        epochs: Epochs in all.
        seed: Of initialisation, order, augmentation and dropout.
        device: Where.
        checkpoint: File that keeps the last finished epoch.
        every_epoch: Whether to validate after every epoch, for `Epoch.validation`.
        after_epoch: Called with each finished epoch.
        after_step: Called with the progress in epochs.

    Raises:
        DivergedError: If the loss is no longer finite.
    """
    start, fabric = time.perf_counter(), make_fabric(device, recipe.precision)
    torch.manual_seed(derive_seed(seed, "initialisation"))
    layout = memory_format(blueprint)
    model = task.model(blueprint).to(memory_format=layout)
    optimiser = recipe.optimiser([model], fabric.device)
    ready, ready_optimiser = fabric.setup(model, optimiser)
    training, history = Training(ready, ready_optimiser), []
    if checkpoint and checkpoint.exists():
        history = load_checkpoint(checkpoint, training, fabric.device)

    for finished in history:
        after_epoch(finished)

    def keep(epoch: Epoch) -> None:
        history.append(epoch._replace(validation=int(task.validate(model.network).sum())) if every_epoch else epoch)
        if checkpoint:
            save_checkpoint(checkpoint, training, history, time.perf_counter() - start)
        after_epoch(history[-1])

    train(
        training,
        task.images.to(fabric.device),
        task.labels.to(fabric.device),
        contract=task.contract,
        recipe=recipe,
        epochs=epochs,
        seed=seed,
        fabric=fabric,
        layout=layout,
        after_epoch=keep,
        after_step=after_step,
    )
    return Fitted(model.network, tuple(history), training.seconds)


def memory_format(blueprint: Blueprint) -> torch.memory_format:
    """Channels last, which is faster; but oneDNN (torch 2.15, AVX2) hangs in it on a strided 1x1 convolution of 4 channels."""
    return torch.channels_last if blueprint.architecture.width >= 8 else torch.contiguous_format


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
