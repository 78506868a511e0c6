"""A batch that is too large for the memory: which one would fit."""

import gc
from collections.abc import Callable

import torch
from lightning_fabric import Fabric

from facenas.data.faces import sides
from facenas.errors import SettingsError
from facenas.training.loop import Training
from facenas.training.recipe import Recipe
from facenas.training.tasks import Task


def within_memory(train: Callable[[], None], training: Training, task: Task, recipe: Recipe, fabric: Fabric) -> None:
    """Train; where the memory does not suffice, say which batch would fit.

    Args:
        train: Function that trains.
        training: State of the run, whose model is tried with smaller batches.
        task: Task of the run, which says what images are like.
        recipe: Recipe of the run, with the batch size that was too large.
        fabric: Devices and ranks that train together.

    Raises:
        SettingsError: If a device or the CPU has no memory left; the sentence names a batch that fits.
    """
    try:
        train()
        return
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
    training.model.zero_grad()
    shape = (task.contract.channels, *sides(task.contract.size))

    def attempt(batch: int) -> None:
        images = torch.zeros(batch, *shape, device=fabric.device)
        loss, _ = training.model(images, torch.zeros(batch, dtype=torch.long, device=fabric.device))
        fabric.backward(loss)
        training.model.zero_grad()

    share = recipe.batch_size // fabric.world_size // recipe.accumulate
    fits = largest_batch(attempt, share) if fabric.world_size == 1 else share // 2
    raise SettingsError(
        f"a batch of {share} images does not fit into the memory of one {fabric.device.type} device, {fits} {'would' if fits else 'fits'}; "
        f"set recipe.accumulate={-(-share // max(fits, 1)) * recipe.accumulate} for the same training, or a smaller recipe.batch_size"
    )


def out_of_memory(error: BaseException) -> bool:
    """Whether a device, or the CPU's allocator, had no memory left."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def largest_batch(attempt: Callable[[int], None], failed: int) -> int:
    """The largest batch that fits, by halving the interval down to a sixteenth of `failed`; 0 if none does.

    Args:
        attempt: Function that computes one step on so many images, at least 2.
        failed: Number of images that did not fit.
    """
    fits, too_large = 0, failed
    while too_large - fits > max(1, failed // 16):
        middle = (fits + too_large) // 2
        if middle >= 2 and _fits(attempt, middle):
            fits = middle
        else:
            too_large = middle
    return fits


def _fits(attempt: Callable[[int], None], batch: int) -> bool:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    try:
        attempt(batch)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        return False
    return True
