"""What a running training says of itself, and when it must not go on."""

import math
import time
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from lightning_fabric import Fabric
from torch import Tensor

from facenas.errors import DivergedError
from facenas.training.feed import Feed
from facenas.training.loop import Training

EXPLODED = 10.0  # times the mean loss of the first steps


class Log(NamedTuple):
    """What is logged of a stretch of steps.

    Attributes:
        step: Number of finished steps since the beginning.
        epoch: Progress in epochs.
        loss: Mean loss of the stretch.
        lr: Learning rate of its last step.
        images_per_second: Images that all ranks together computed in a second.
        wait_share: Share of the time in which steps waited for their images.
    """

    step: int
    epoch: float
    loss: float
    lr: float
    images_per_second: float
    wait_share: float


def over_ranks(fabric: Fabric, values: Tensor, how: Literal["mean", "sum"]) -> Tensor:
    """The mean or the sum of a tensor's values over all ranks.

    Args:
        fabric: Devices and ranks that train together.
        values: This rank's values, of the same shape on every rank; they are not changed.
        how: `mean` or `sum`.
    """
    together: Tensor = fabric.all_reduce(values.clone(), reduce_op=how)  # type: ignore[assignment]
    return together


class Logbook:
    """Collects the losses of steps on the device and reads them once every `every` steps.

    Args:
        training: State of the run that is watched.
        feed: Feed of the run, which names the images of a bad step.
        seed_of: Function that gives an epoch's seed, by its number from 0.
        fabric: Devices and ranks whose losses are averaged.
        every: Number of steps in a stretch.
        after_log: Called with the log of each stretch.
    """

    def __init__(
        self, training: Training, feed: Feed, *, seed_of: Callable[[int], int], fabric: Fabric, every: int, after_log: Callable[[Log], None]
    ) -> None:
        self.training, self.feed, self.seed_of, self.fabric, self.every, self.after_log = training, feed, seed_of, fabric, every, after_log
        self.began, self.waited, self.images = time.perf_counter(), 0.0, 0

    @property
    def done(self) -> int:
        """Finished steps since the beginning."""
        return self.training.epoch * self.feed.dealing.steps + self.training.step

    def step(self, lr: float) -> bool:
        """Note a finished step; True at the end of a stretch, which is then logged.

        Args:
            lr: Learning rate of the step.

        Raises:
            DivergedError: If a loss of the stretch is not finite, or ten times that of the first.
        """
        self.training.losses.append(self.training.loss.clone())
        self.images += self.feed.dealing.size
        if self.training.step % self.every:  # 0 at the end of an epoch
            return False
        losses = self.check()
        mean = sum(losses) / len(losses)
        self.training.losses = []
        if self.training.first_loss is None:
            self.training.first_loss = mean
        now, waited = time.perf_counter(), self.training.waited
        seconds = max(now - self.began, 1e-9)
        share = min(1.0, (waited - self.waited) / seconds)
        self.after_log(Log(self.done, self.done / self.feed.dealing.steps, mean, lr, self.images / seconds, share))
        self.began, self.waited, self.images = now, waited, 0
        return True

    def check(self) -> list[float]:
        """The losses of the stretch so far, means over the ranks.

        Raises:
            DivergedError: If one of them is not finite, or ten times that of the first stretch.
        """
        if not self.training.losses:
            return []
        losses: list[float] = over_ranks(self.fabric, torch.stack(self.training.losses), "mean").tolist()
        for step, loss in enumerate(losses, self.done - len(losses)):
            self._check(loss, step)
        return losses

    def _check(self, loss: float, step: int) -> None:
        if math.isfinite(loss) and (self.training.first_loss is None or loss <= EXPLODED * max(self.training.first_loss, 1.0)):
            return
        epoch, index = divmod(step, self.feed.dealing.steps)
        places = self.feed.places(self.seed_of(epoch), index)
        where, named = (
            f"step {index + 1} of epoch {epoch + 1}",
            ", ".join(places[:4]) + (f" and {len(places) - 4} others" if len(places) > 4 else ""),
        )
        raise DivergedError(f"the loss became {loss:g} in {where}, on {named}; a lower learning rate or warm-up epochs may help")
