"""Who is told of a training run while it goes on."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from facenas.score import Epoch
from facenas.training.logbook import Log


def nothing(*_: object) -> None:
    """Do nothing: the listener of whoever does not want to be told."""


def never() -> bool:
    """Always False: the answer of a listener that never asks to stop."""
    return False


@dataclass(frozen=True)
class Listener:
    """What is called while a network is trained; what is left out is not called.

    Attributes:
        after_epoch: Called with each finished epoch; of a run that goes on, with those before too.
        after_step: Called with the progress in epochs.
        after_log: Called with the log of each stretch of steps.
        after_validation: Called with the network of each validated epoch, by the first rank.
        after_best: Called like `after_validation`, whenever an epoch validates better than all before.
        stop: Asked whether to save and end; at the end of a stretch where there are several ranks.
    """

    after_epoch: Callable[[Epoch], None] = nothing
    after_step: Callable[[float], None] = nothing
    after_log: Callable[[Log], None] = nothing
    after_validation: Callable[[nn.Module, Epoch], object] = nothing
    after_best: Callable[[nn.Module, Epoch], object] = nothing
    stop: Callable[[], bool] = never
