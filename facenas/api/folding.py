"""`facenas train --set validation.folds=K`: K networks that each leave some people out, to tell what the one of everybody is worth."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from facenas.words import percent

if TYPE_CHECKING:
    from facenas.training.models import FoundArchitecture
    from facenas.training.settings import TrainSettings
    from facenas.training.tasks import Answers, FaceTask

logger = logging.getLogger("facenas")


def train_folds(folder: Path, settings: "TrainSettings", found: "FoundArchitecture") -> dict[str, float]:
    """Train a network for each fold, in folders of their own, or go on with them.

    Args:
        folder: Folder of the run; the folds are in `fold-1`, `fold-2` and so on below it.
        settings: Settings of the training, with the number of folds.
        found: The architecture to train, and the people that its search used.

    Returns:
        Figures over all folds, by name.

    Raises:
        SettingsError: If there are too few people for as many folds.
    """
    from facenas.training.folds import Fold, fold_tasks, summed

    folds = list[Fold]()
    for number, task in enumerate(fold_tasks(settings, found.blueprint.space), 1):
        right = _fold(folder / f"fold-{number}", settings, found, task)
        if task.pairs is None or task.validation is None:
            raise TypeError("the task of a fold has photographs to validate with")
        folds.append(Fold(right, task.pairs, task.validation.identities))
        share = percent(float(right.mean()))
        logger.info("fold %d of %d: %s of %s pairs of people it has not seen", number, settings.validation.folds, share, f"{len(right):,}")
    figures = summed(folds, seed=settings.seed)
    logger.info("%s; now one network of everybody, which nobody is left to validate", in_words(figures))
    return figures


def in_words(figures: dict[str, float]) -> str:
    """The figures over all folds as people read them."""
    between = f" [{percent(figures['folds_low'])[:-2]}, {percent(figures['folds_high'])[:-2]}]" if "folds_low" in figures else ""
    spread = f"{percent(figures['folds_mean'])} +- {percent(figures['folds_std'])}"
    together = f"{percent(figures['folds_accuracy'])}{between} of all {figures['folds_pairs']:,.0f} pairs"
    least = f"{100 * figures['folds_least_difference']:.1f} points"
    return f"{figures['folds']:.0f} folds: {spread}, {together}, which tell differences of {least} or more"


def _fold(folder: Path, settings: "TrainSettings", found: "FoundArchitecture", task: "FaceTask") -> "Answers":
    """Train a fold's network and ask it."""
    from facenas.api.watching import Bars, stoppable, telling
    from facenas.training.checkpoint import CHECKPOINT
    from facenas.training.fit import fit
    from facenas.training.listener import Listener
    from facenas.training.logs import Logs

    last = folder / CHECKPOINT
    with stoppable() as stop, Bars(settings.epochs) as bars, Logs(folder, task.validation_items) as logs:
        fitted = fit(
            task,
            found.blueprint,
            recipe=settings.recipe,
            epochs=settings.epochs,
            seed=settings.seed,
            device=settings.device,
            initial=None if last.exists() else settings.initial(found.blueprint.space),
            checkpoint=last,
            care=settings.care.model_copy(update={"validate_every_epochs": 0, "keep_every_epochs": 0}),
            listener=Listener(after_epoch=telling([bars, logs], "after_epoch"), after_log=telling([bars, logs], "after_log"), stop=stop),
        )
    return task.validate(fitted.network)
