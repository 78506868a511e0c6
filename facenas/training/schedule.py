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


Schedule = Annotated[Cosine | PublishedCosine | Step, Field(discriminator="name")]
