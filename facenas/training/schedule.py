"""Learning rate as a function of training progress."""

import math
from typing import Annotated, Literal

from pydantic import Field

from facenas.section import Section


class Cosine(Section):
    """Half a cosine from 1 to 0 (Loshchilov & Hutter, "SGDR", 2017, equation 5, without restarts)."""

    name: Literal["cosine"] = Field("cosine", description="Name of the schedule.")

    def factor(self, epoch: float, epochs: int) -> float:
        """Factor by which the recipe's learning rate is multiplied.

        Args:
            epoch: Progress in epochs; fractions count.
            epochs: Number of epochs in all.
        """
        return 0.5 * (1 + math.cos(math.pi * epoch / epochs))


class PublishedCosine(Section):
    """The cosine as EGNAS' published code runs it: one rate for each epoch, the first one skipped, so that the last epoch runs at 0.

    Its `scheduler.step()` comes before the epoch, an idiom of PyTorch up to 1.0.
    """

    name: Literal["published_cosine"] = Field("published_cosine", description="Name of the schedule.")

    def factor(self, epoch: float, epochs: int) -> float:
        """Factor by which the recipe's learning rate is multiplied, the same during all of an epoch.

        Args:
            epoch: Progress in epochs; its whole part says in which epoch it falls.
            epochs: Number of epochs in all.
        """
        return 0.5 * (1 + math.cos(math.pi * (math.floor(epoch) + 1) / epochs))


class Step(Section):
    """A constant rate, multiplied by gamma at each milestone."""

    name: Literal["step"] = Field("step", description="Name of the schedule.")
    milestones_epochs: tuple[float, ...] = Field((12, 20, 24), description="Epochs after which the rate drops; AdaFace's by default.")
    gamma: float = Field(0.1, gt=0, le=1, description="Factor at each milestone.")

    def factor(self, epoch: float, epochs: int) -> float:
        """Factor by which the recipe's learning rate is multiplied.

        Args:
            epoch: Progress in epochs; fractions count.
            epochs: Number of epochs in all; the milestones do not depend on it.
        """
        return self.gamma ** sum(epoch >= milestone for milestone in self.milestones_epochs)


class Polynomial(Section):
    """(1 - progress) to a power; power 1 is the straight line of arcface_torch."""

    name: Literal["polynomial"] = Field("polynomial", description="Name of the schedule.")
    power: float = Field(1.0, gt=0, description="Exponent.")

    def factor(self, epoch: float, epochs: int) -> float:
        """Factor by which the recipe's learning rate is multiplied.

        Args:
            epoch: Progress in epochs; fractions count.
            epochs: Number of epochs in all.
        """
        return float(max(0.0, 1 - epoch / epochs) ** self.power)


class Restarts(Section):
    """Cosines that start again at 1, each longer than the last (Loshchilov & Hutter, "SGDR", 2017, equation 5)."""

    name: Literal["sgdr"] = Field("sgdr", description="Name of the schedule.")
    period_epochs: float = Field(10.0, gt=0, description="Epochs of the first cosine (T_0).")
    growth: float = Field(2.0, ge=1, description="Each cosine's length over that of the one before (T_mult).")
    least: float = Field(0.0, ge=0, lt=1, description="Where each cosine ends, as a share of the largest rate.")

    def factor(self, epoch: float, epochs: int) -> float:
        """Factor by which the recipe's learning rate is multiplied.

        Args:
            epoch: Progress in epochs; fractions count.
            epochs: Number of epochs in all; the restarts do not depend on it.
        """
        period = self.period_epochs
        while epoch >= period:
            epoch, period = epoch - period, period * self.growth
        return self.least + (1 - self.least) * 0.5 * (1 + math.cos(math.pi * epoch / period))


class ExponentialCosine(Section):
    """Natural exponential cosine annealing, read so that it begins at the largest rate: (exp((1 + cos) / 2) - 1) / (e - 1).

    Source: AllegroNAS, equation 8, without the rates in its exponent; see `PrintedExponentialCosine`.
    """

    name: Literal["exponential_cosine"] = Field("exponential_cosine", description="Name of the schedule.")
    least: float = Field(0.0, ge=0, lt=1, description="Where it ends, as a share of the largest rate.")

    def factor(self, epoch: float, epochs: int) -> float:
        """Factor by which the recipe's learning rate is multiplied.

        Args:
            epoch: Progress in epochs; fractions count.
            epochs: Number of epochs in all.
        """
        half = 0.5 * (1 + math.cos(math.pi * epoch / epochs))
        return self.least + (1 - self.least) * math.expm1(half) / (math.e - 1)


class PrintedExponentialCosine(Section):
    """Natural exponential cosine annealing as it is printed, with (lr_max - lr_min) / 2 inside the exponential too.

    Its shape depends on the rates themselves. At usual ones, far below 1, the exponential is nearly 1 plus its argument: the curve is a
    cosine that begins near lr_min + (lr_max - lr_min)^2 / (e - 1) and not at lr_max; from 0.025 to 0.001 it begins at 0.00134.

    Source: AllegroNAS, equation 8.
    """

    name: Literal["printed_exponential_cosine"] = Field("printed_exponential_cosine", description="Name of the schedule.")
    lr_max: float = Field(0.025, gt=0, description="The formula's largest learning rate; recipe.lr must be the same.")
    lr_min: float = Field(0.001, ge=0, description="The formula's least learning rate.")

    def factor(self, epoch: float, epochs: int) -> float:
        """Factor by which the recipe's learning rate is multiplied.

        Args:
            epoch: Progress in epochs; fractions count.
            epochs: Number of epochs in all.
        """
        span = self.lr_max - self.lr_min
        exponent = 0.5 * span * (1 + math.cos(math.pi * epoch / epochs))
        return (self.lr_min + span * math.expm1(exponent) / (math.e - 1)) / self.lr_max


Schedule = Annotated[
    Cosine | PublishedCosine | Step | Polynomial | Restarts | ExponentialCosine | PrintedExponentialCosine, Field(discriminator="name")
]


def check_rate(schedule: Schedule, lr: float) -> None:
    """Check that a schedule whose formula contains the largest learning rate is written for that of the recipe.

    Args:
        schedule: The schedule of the recipe.
        lr: Largest learning rate of the recipe.

    Raises:
        ValueError: If the schedule is written for another one.
    """
    if isinstance(schedule, PrintedExponentialCosine) and schedule.lr_max != lr:
        raise ValueError(f"schedule.lr_max must equal lr, the largest learning rate, got {schedule.lr_max:g} and {lr:g}")
