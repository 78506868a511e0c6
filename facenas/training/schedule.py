"""Learning rate as a function of training progress."""

import math
from typing import Annotated, Literal

from pydantic import Field

from facenas.settings import Section


class Cosine(Section):
    """Half a cosine from 1 to 0 (Loshchilov & Hutter, "SGDR", 2017, equation 5, without restarts)."""

    name: Literal["cosine"] = Field("cosine", description="Name of the schedule.")

    def factor(self, epoch: float, epochs: int) -> float:
        """Factor of the learning rate after `epoch` of `epochs` epochs."""
        return 0.5 * (1 + math.cos(math.pi * epoch / epochs))


class PublishedCosine(Section):
    """The cosine as EGNAS' published code runs it: one rate for each epoch, the first one skipped, so that the last epoch runs at 0.

    Its `scheduler.step()` comes before the epoch, an idiom of PyTorch up to 1.0.
    """

    name: Literal["published_cosine"] = Field("published_cosine", description="Name of the schedule.")

    def factor(self, epoch: float, epochs: int) -> float:
        """Factor of the learning rate during the epoch that `epoch` falls in."""
        return 0.5 * (1 + math.cos(math.pi * (math.floor(epoch) + 1) / epochs))


class Step(Section):
    """A constant rate, multiplied by gamma at each milestone."""

    name: Literal["step"] = Field("step", description="Name of the schedule.")
    milestones_epochs: tuple[float, ...] = Field((12, 20, 24), description="Epochs after which the rate drops; AdaFace's by default.")
    gamma: float = Field(0.1, gt=0, le=1, description="Factor at each milestone.")

    def factor(self, epoch: float, epochs: int) -> float:
        """Factor of the learning rate after `epoch` epochs."""
        return self.gamma ** sum(epoch >= milestone for milestone in self.milestones_epochs)


class Polynomial(Section):
    """(1 - progress) to a power; power 1 is the straight line of arcface_torch."""

    name: Literal["polynomial"] = Field("polynomial", description="Name of the schedule.")
    power: float = Field(1.0, gt=0, description="Exponent.")

    def factor(self, epoch: float, epochs: int) -> float:
        """Factor of the learning rate after `epoch` of `epochs` epochs."""
        return float(max(0.0, 1 - epoch / epochs) ** self.power)


class Restarts(Section):
    """Cosines that start again at 1, each longer than the last (Loshchilov & Hutter, "SGDR", 2017, equation 5)."""

    name: Literal["sgdr"] = Field("sgdr", description="Name of the schedule.")
    period_epochs: float = Field(10.0, gt=0, description="Epochs of the first cosine (T_0).")
    growth: float = Field(2.0, ge=1, description="Each cosine's length over that of the one before (T_mult).")
    least: float = Field(0.0, ge=0, lt=1, description="Where each cosine ends, as a share of the largest rate.")

    def factor(self, epoch: float, epochs: int) -> float:
        """Factor of the learning rate after `epoch` epochs."""
        period = self.period_epochs
        while epoch >= period:
            epoch, period = epoch - period, period * self.growth
        return self.least + (1 - self.least) * 0.5 * (1 + math.cos(math.pi * epoch / period))


Schedule = Annotated[Cosine | PublishedCosine | Step | Polynomial | Restarts, Field(discriminator="name")]
