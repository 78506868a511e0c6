"""Candidates trained on the task of a run: the same result wherever and whenever it is computed."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch

from facenas.backbones import Blueprint
from facenas.errors import RunError
from facenas.score import Evaluation
from facenas.search.cache import content_key
from facenas.search.candidate import Candidate
from facenas.search.settings import SEEDED, SearchSettings
from facenas.training.device import derive_seed, make_fabric
from facenas.training.fit import evaluate
from facenas.training.processor import processor
from facenas.training.tasks import Task


@lru_cache(maxsize=1)
def load_task(settings: SearchSettings) -> Task:
    """The data of a run, once for each process."""
    return settings.load_task()


def settle(settings: SearchSettings) -> None:
    """Make this process compute what any other would: the run's number of threads, and on a GPU deterministic algorithms."""
    torch.set_num_threads(settings.threads or torch.get_num_threads())
    if make_fabric(settings.device, settings.recipe.precision).device.type == "cuda":  # the same sums in the same order, before CUDA begins
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)


@dataclass(frozen=True)
class Evaluator:
    """Trains and scores the candidates of one run; it can be sent to another process, which then loads the data itself.

    Attributes:
        settings: Settings of the run, with a number of threads.
        content: What a result depends on besides the candidate.
        checkpoints: Folder for the checkpoints of unfinished candidates; left out where it does not exist, as on another machine.
    """

    settings: SearchSettings
    content: dict[str, Any]
    checkpoints: Path | None

    @classmethod
    def of(cls, settings: SearchSettings, checkpoints: Path | None = None) -> "Evaluator":
        """The evaluator of a run on this machine.

        Args:
            settings: Settings of the run, with a number of threads.
            checkpoints: Folder for the checkpoints of unfinished candidates; None: none are kept.
        """
        task, device = load_task(settings), make_fabric(settings.device, settings.recipe.precision)
        content = {
            **settings.model_dump(mode="json", include=set(SEEDED)),
            "protocol": settings.protocol,
            "data_fraction": settings.data_fraction,
            "images": _digest(task),
            "device": device.device.type,
            "precision": str(device._precision.precision),
            "threads": settings.threads if device.device.type == "cpu" else None,
            "torch": torch.__version__,
        }
        content.pop("data")  # the images themselves count, not where they lie
        return cls(settings, content, checkpoints)

    def key(self, candidate: Candidate) -> str:
        """Name of the candidate's result in a cache, if this process computes it."""
        content = self.content | {"processor": processor(self.content["device"])}
        return content_key(candidate.architecture.model_dump(mode="json"), candidate.epochs, content)

    def __call__(self, candidate: Candidate, progress: Callable[[float], None]) -> Evaluation:
        """Train and score a candidate, from its last finished epoch if it has a checkpoint."""
        s, checkpoint = self.settings, self._checkpoint(candidate)
        settle(s)
        train = partial(
            evaluate,
            load_task(s),
            Blueprint(architecture=candidate.architecture, space=s.space),
            recipe=s.published_recipe(),
            epochs=candidate.epochs,
            seed=derive_seed(candidate.architecture.model_dump(mode="json"), candidate.epochs, s.seeded()),
            device=s.device,
            checkpoint=checkpoint,
            every_epoch=s.every_epoch or s.protocol == "paper",
            best_epoch=s.protocol == "paper",
            after_step=progress,
        )
        try:
            evaluation = train()
        except RunError:  # a checkpoint that cannot be read: begin again
            if checkpoint:
                checkpoint.unlink(missing_ok=True)
            evaluation = train()
        if checkpoint:
            checkpoint.unlink(missing_ok=True)
        return evaluation.model_copy(update={"processor": processor(self.content["device"]), "filed": self.key(candidate)})

    def _checkpoint(self, candidate: Candidate) -> Path | None:
        if not self.checkpoints or not self.checkpoints.is_dir():
            return None
        return self.checkpoints / f"{self.key(candidate)}.pt"


def _digest(task: Task) -> str:
    """Hash of all images and labels, of training and validation."""
    digest = sha256()
    for array in task.content:
        digest.update(str(array.shape).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
