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
from facenas.training.score import Score
from facenas.training.tasks import Task


def nothing(_: object) -> None:
    """A listener that does not care."""


class Fitted(NamedTuple):
    """A trained network and its epochs."""

    network: nn.Module
    history: tuple[Epoch, ...]


class Evaluation(Section):
    """A candidate's score with all that a journal keeps about it."""

    score: Score = Field(description="Integer counts.")
    history: tuple[Epoch, ...] = Field(description="Every epoch of training.")
    seconds: float = Field(ge=0, description="Time from building to scoring.")
    device: str = Field(description="Kind of device that trained it.")
    diverged: bool = Field(False, description="Whether training ended in numbers that are not finite; the score is then 0.")


def fit(
    task: Task,
    blueprint: Blueprint,
    *,
    recipe: Recipe,
    epochs: int,
    seed: int,
    device: Device = "auto",
    checkpoint: Path | None = None,
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
        after_epoch: Called with each finished epoch.
        after_step: Called with the progress in epochs.

    Raises:
        DivergedError: If the loss is no longer finite.
    """
    fabric = make_fabric(device, recipe.precision)
    torch.manual_seed(derive_seed(seed, "initialisation"))
    layout = memory_format(blueprint)
    model = task.model(blueprint).to(memory_format=layout)
    optimiser = recipe.optimiser([model], fabric.device)
    ready, ready_optimiser = fabric.setup(model, optimiser)
    training, history = Training(ready, ready_optimiser), []
    if checkpoint and checkpoint.exists():
        history = load_checkpoint(checkpoint, training, fabric.device)

    def keep(epoch: Epoch) -> None:
        history.append(epoch)
        if checkpoint:
            save_checkpoint(checkpoint, training, history)
        after_epoch(epoch)

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
    return Fitted(model.network, tuple(history))


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
    after_step: Callable[[float], None] = nothing,
) -> Evaluation:
    """Train from scratch, score on the validation split after the last epoch; the arguments are those of `fit`.

    A training run whose numbers are no longer finite is a result too: it scores 0.
    """
    start = time.perf_counter()
    history: list[Epoch] = []
    try:
        network = fit(
            task, blueprint, recipe=recipe, epochs=epochs, seed=seed, device=device, after_epoch=history.append, after_step=after_step
        ).network
        correct, diverged = task.validate(network), False
    except (DivergedError, NotFiniteError):
        correct, diverged = 0, True
    last = history[-1] if history and not diverged else None
    score = Score(
        correct=correct, total=task.validation_items, train_correct=last.correct if last else None, train_total=last.total if last else None
    )
    kind = make_fabric(device, recipe.precision).device.type
    return Evaluation(score=score, history=tuple(history), seconds=time.perf_counter() - start, device=kind, diverged=diverged)
