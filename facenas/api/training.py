"""`api.train`: a network from an architecture and data, in a run folder."""

import logging
import os
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from facenas.api.folders import open_run, settings_before, settings_kept
from facenas.api.folding import train_folds
from facenas.api.given import Changes, assignments, folder_of, settings_of
from facenas.api.progress import showing
from facenas.api.train_run import TrainingFigures, found_by, train_in
from facenas.api.watching import on_devices
from facenas.backbones import Blueprint
from facenas.errors import RunError, SettingsError
from facenas.locks import locked
from facenas.score import Epoch
from facenas.training.checkpoint import CHECKPOINT
from facenas.training.models import MODEL, WEIGHTS, FoundArchitecture, Model, load_model
from facenas.training.provenance import has_work
from facenas.training.settings import TrainSettings

logger = logging.getLogger("facenas")


@dataclass(frozen=True)
class TrainResult:
    """A trained network.

    Attributes:
        folder: Folder of the run; `evaluate`, `export` and `facenas.load` read it.
        settings: Settings of the training.
        blueprint: The architecture with the space that builds it.
        metrics: Figures of the last epoch; none on other ranks than the first of several.
        history: Every epoch; none where processes of their own have trained it, one for each device.
    """

    folder: Path
    settings: TrainSettings
    blueprint: Blueprint
    metrics: dict[str, float]
    history: tuple[Epoch, ...]

    @property
    def files(self) -> tuple[Path, Path]:
        """The file of the weights, and that of the model's card."""
        return self.folder / WEIGHTS, self.folder / MODEL

    @property
    def model(self) -> Model:
        """The network in torch, with its card; read from the folder."""
        return load_model(self.folder)


def train(
    settings: TrainSettings | str | Path = "quickstart",
    *,
    architecture: str | Path | None = None,
    run: str | Path | None = None,
    set: Changes = (),
    devices: int = 1,
    progress: bool = False,
) -> TrainResult:
    """Train an architecture; called again for the same folder, an interrupted run goes on where it was, with the same result.

    Ctrl-C saves after the step and raises KeyboardInterrupt.

    Args:
        settings: Settings, a preset's name, or a YAML file.
        architecture: A name that `facenas models` lists, a file, a search run's folder, or `timm:NAME`; without it the settings'.
        run: Folder for everything that the run writes; without it one below `runs`, named after the preset.
        set: Settings to change, by path: `{"head.margin": 0.2}`.
        devices: Number of devices of this machine that train together; each is one process.
        progress: Whether lines and bars are shown on standard error.

    Raises:
        SettingsError: If any setting is wrong; all mistakes in one message.
        RunError: If the folder belongs to other settings, or another process is at work in it.
    """
    named = [] if architecture is None else [f"architecture={architecture}"]
    ready = settings_of(TrainSettings, "train", settings, [*assignments(set), *named])
    found, folder = found_by(ready), folder_of("train", run, settings)
    is_first = os.environ.get("RANK", "0") == "0"  # the other ranks of torchrun write nothing
    with showing(progress):
        with locked(folder) if is_first else nullcontext(), settings_kept(folder) if is_first else nullcontext():
            if is_first:
                how = _going_on(folder, ready)
                open_run(folder, ready, changeable=("epochs",))
                if how:
                    logger.info("%s", how)
            folds = _cross_validated(folder, ready, found, devices)
            done = train_in(folder, ready, found, folds) if devices == 1 else TrainingFigures({}, ())
        if devices > 1:  # the first of its ranks holds the lock
            done = TrainingFigures(on_devices(folder, devices), ())
    return TrainResult(folder, ready, found.blueprint, *done)


def _cross_validated(folder: Path, settings: TrainSettings, found: FoundArchitecture, devices: int) -> dict[str, float]:
    """The figures of the folds, if there are to be any.

    Raises:
        SettingsError: If several devices are to train them.
    """
    if not settings.validation.folds:
        return {}
    if max(devices, int(os.environ.get("WORLD_SIZE", 1))) > 1:
        raise SettingsError("validation.folds trains its networks on one device; leave --devices and torchrun out")
    return train_folds(folder, settings, found)


def _going_on(folder: Path, settings: TrainSettings) -> str:
    """Refuse to shorten a run; of one that becomes longer, what it is, in words.

    Raises:
        RunError: If it cannot go on.
    """
    before, epochs = (settings_before(folder) or {}).get("epochs", settings.epochs), settings.epochs
    if not isinstance(before, int) or before == epochs or not has_work(folder):
        return ""
    if before > epochs:
        raise RunError(f"{folder} is a run of {before} epochs, and cannot become one of {epochs}; give another --run")
    if not (folder / CHECKPOINT).is_file():
        raise RunError(f"{folder} has no {CHECKPOINT} from which its {before} epochs could become {epochs}; give another --run")
    factor = settings.recipe.schedule.factor
    same = all(factor(half / 2, before) == factor(half / 2, epochs) for half in range(2 * before))
    result = "" if same else f", whose beginning had other learning rates: the result is not that of {epochs} epochs from the start"
    return f"going on from the checkpoint of a run of {before} epochs, by the schedule of {epochs}{result}"
