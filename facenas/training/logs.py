"""The log of a training run: `log.csv` and TensorBoard; a resumed run goes on where its checkpoint stands."""

import csv
from pathlib import Path
from types import TracebackType
from typing import Self

from facenas.files import replacing
from facenas.training.logbook import Log
from facenas.training.loop import Epoch


class Logs:
    """Writes `log.csv` and the files of TensorBoard, one line for each stretch of steps.

    Args:
        folder: Folder of the run.
        questions: Number of questions of the validation split, by which correct answers become an accuracy.
    """

    def __init__(self, folder: Path, questions: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.file, self.questions, self.started = folder / "log.csv", questions, False
        self.board = SummaryWriter(str(folder / "tensorboard"))

    def __enter__(self) -> Self:
        """The log itself, which is open already."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the files of TensorBoard."""
        self.board.close()

    def after_log(self, log: Log) -> None:
        """Write the log of a stretch of steps; lines that a killed process wrote of this stretch and later ones are dropped."""
        if not self.started:
            kept = [row for row in _rows(self.file) if row[0].isdigit() and int(row[0]) < log.step]
            with replacing(self.file) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
                csv.writer(stream).writerows([Log._fields, *kept])
            self.started = True
        with self.file.open("a", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerow(log)
        for name, value in log._asdict().items():
            if name != "step":
                self.board.add_scalar(f"train/{name}", value, log.step)

    def after_watching(self, epoch: Epoch, rates: dict[str, float]) -> None:
        """Write an epoch's rates on benchmarks that are only watched.

        Args:
            epoch: The epoch after which the benchmarks were evaluated.
            rates: Rates by name, fractions.
        """
        for name, rate in rates.items():
            self.board.add_scalar(f"watched/{name}", rate, epoch.epoch)

    def after_epoch(self, epoch: Epoch) -> None:
        """Write an epoch's accuracies on the training data and on the validation split."""
        self.board.add_scalar("train/accuracy", epoch.correct / epoch.total, epoch.epoch)
        if epoch.validation is not None:
            self.board.add_scalar("validation/accuracy", epoch.validation / self.questions, epoch.epoch)


def _rows(file: Path) -> list[list[str]]:
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as stream:
        return [row for row in csv.reader(stream) if len(row) == len(Log._fields)]
