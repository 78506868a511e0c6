"""When a training run is written to disk."""

import time
from pathlib import Path

from lightning_fabric import Fabric
from pydantic import Field

from facenas.settings import Section
from facenas.training.checkpoint import save_checkpoint
from facenas.training.loop import Epoch, Training


class CheckpointSettings(Section):
    """How often a long training run is logged, saved and validated."""

    log_every: int = Field(50, ge=1, description="Steps between two lines of the log; the loss is looked at then.")
    save_minutes: float = Field(15, gt=0, description="Time between two checkpoints within an epoch; one is written after every epoch too.")
    keep_every_epochs: int = Field(0, ge=0, description="Keep a checkpoint of every so many epochs for good; 0: only the last.")
    validate_every_epochs: int = Field(0, ge=0, description="Validate after every so many epochs, keep the best model; 0: only at the end.")

    def validates(self, epoch: int, epochs: int) -> bool:
        """Whether the network is validated after an epoch.

        Args:
            epoch: Number of finished epochs.
            epochs: Number of epochs in all.
        """
        return self.validate_every_epochs > 0 and (epoch % self.validate_every_epochs == 0 or epoch == epochs)


class Keeper:
    """Writes the checkpoints of a training run.

    Args:
        path: File of the last checkpoint; None: nothing is kept.
        training: State of the run, which is written.
        history: Finished epochs of the run; the list grows while it goes on.
        fabric: Devices and ranks that train together, and write together.
        care: How often to write; None: after every epoch.
    """

    def __init__(
        self, path: Path | None, training: Training, history: list[Epoch], *, fabric: Fabric, care: CheckpointSettings | None
    ) -> None:
        self.path, self.training, self.history, self.fabric, self.care = path, training, history, fabric, care
        self.before = training.seconds
        self.began = self.saved = time.perf_counter()

    @property
    def due(self) -> bool:
        """Whether it is time for a checkpoint within the epoch."""
        return self.path is not None and self.care is not None and time.perf_counter() - self.saved > 60 * self.care.save_minutes

    def save(self) -> None:
        """Write the last checkpoint, and one for good where it is time."""
        self.training.seconds = self.before + time.perf_counter() - self.began
        self.saved = time.perf_counter()
        if self.path:
            save_checkpoint(self.path, self.training, self.history, self.fabric)
            kept, epoch = self.care.keep_every_epochs if self.care else 0, self.training.epoch
            if kept and not self.training.step and epoch % kept == 0:
                save_checkpoint(self.path.with_name(f"epoch-{epoch}.pt"), self.training, self.history, self.fabric)
