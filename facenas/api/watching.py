"""A training run from outside: its processes, its progress, and how it is asked to end."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from facenas.api.progress import console, progress_bars, shown
from facenas.api.signals import hearing
from facenas.errors import RunError, StoppedError
from facenas.words import percent

if TYPE_CHECKING:
    from facenas.training.logbook import Log
    from facenas.training.loop import Epoch

logger = logging.getLogger("facenas")


def on_devices(folder: Path, devices: int) -> dict[str, float]:
    """Train what the folder's config.yaml says, in one process for each device.

    Args:
        folder: Folder of the run.
        devices: Number of devices of this machine.

    Returns:
        Figures of the last epoch, by name.
    """
    from facenas.training.checkpoint import CHECKPOINT
    from facenas.training.models import load_card

    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={devices}"]
    command = [*torchrun, "-m", "--", "facenas", "train", "--config", str(folder / "config.yaml"), "--run", str(folder), "--json"]
    environment = os.environ | {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // devices)))}
    ranks, told = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment), list[int]()

    def forward(number: int, _: FrameType | None) -> None:
        told.append(number)
        ranks.terminate()

    with hearing(forward, signal.SIGTERM):
        try:
            code = ranks.wait()
        except KeyboardInterrupt:  # the ranks heard it too, and save
            ranks.wait()
            raise
    if code and told:
        raise StoppedError(f"training on {devices} devices stopped; run the same command to go on")
    if code:
        saved = "; run the same command to go on from its checkpoint" if (folder / CHECKPOINT).exists() else ", before its first checkpoint"
        raise RunError(f"training on {devices} devices ended early (exit code {code}), see above{saved}")
    return load_card(folder).metrics


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Gives a function that tells whether SIGTERM or Ctrl-C asked the run to end; the second Ctrl-C does not wait for the step."""
    asked: list[int] = []

    def hear(number: int, _: FrameType | None) -> None:
        if number in asked:
            raise KeyboardInterrupt
        asked.append(number)

    try:
        with hearing(hear, signal.SIGTERM, signal.SIGINT):
            yield lambda: bool(asked)
    except StoppedError:
        if signal.SIGINT in asked:
            raise KeyboardInterrupt from None
        raise


def telling(listeners: list[Any], method: str) -> Callable[[Any], None]:
    """A function that calls a method of every listener, in their order.

    Args:
        listeners: Objects with that method.
        method: Name of the method; it takes one argument.
    """

    def tell(news: Any) -> None:
        for listener in listeners:
            getattr(listener, method)(news)

    return tell


class Bars:
    """A progress bar with what the log says; without a terminal, a line for every epoch.

    Args:
        epochs: Number of epochs in all.
    """

    def __init__(self, epochs: int) -> None:
        self.epochs, self._shown = epochs, progress_bars()

    def __enter__(self) -> Self:
        """Show the bar."""
        self.progress = self._shown.__enter__()
        self.bar = self.progress.add_task("train (epochs)", total=self.epochs)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Take the bar away."""
        self._shown.__exit__(kind, error, trace)

    def after_log(self, log: "Log") -> None:
        """Show the figures of the steps since the last log."""
        speed = f"{log.images_per_second:,.0f} images/s, waits {percent(log.wait_share, 0)}"
        self.progress.update(self.bar, completed=log.epoch, description=f"train: loss {log.loss:.3f}, lr {log.lr:.2g}, {speed}")

    def after_watching(self, epoch: "Epoch", rates: dict[str, float]) -> None:
        """Log the rates on the benchmarks that are watched.

        Args:
            epoch: The epoch that has just ended.
            rates: Rates by benchmark, fractions.
        """
        logger.info("epoch %d, watched: %s", epoch.epoch, ", ".join(f"{name} {percent(rate)}" for name, rate in rates.items()))

    def after_epoch(self, epoch: "Epoch") -> None:
        """An epoch has ended: move the bar on, or log a line."""
        self.progress.update(self.bar, completed=epoch.epoch)
        if epoch.epoch == self.epochs or not (shown() and console().is_terminal):
            right = percent(epoch.correct / epoch.total)
            logger.info("epoch %d of %d: loss %.3f, %s of the training images right", epoch.epoch, self.epochs, epoch.loss, right)
