"""Searches with shared weights: a stage trains one network that holds many, its shortlist is then trained from scratch like any sample."""

import json
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import torch

from facenas.backbones import Architecture
from facenas.errors import RunError
from facenas.files import DamagedError, read_sealed, write_json, write_sealed
from facenas.search.journal import Epochs
from facenas.search.row import StageEpoch

CHECKPOINT, KEPT = "supernet.pt", "supernet.json"
Progress = Callable[[float], None]  # epochs done


class Stage(Protocol):
    """The first stage of such a search; all that it does follows from the settings, the data and the seed."""

    @property
    def epochs(self) -> int:
        """Number of epochs that the stage trains."""

    def epoch(self, number: int, progress: Progress) -> dict[str, Any]:
        """Train the next epoch.

        Its random numbers are drawn from the seed and `number` alone, so that none have to be kept.

        Args:
            number: Number of the epoch, from 0.
            progress: May be called with how far the stage is, in epochs.

        Returns:
            What is to be known of the epoch, as JSON values; among them `accuracy`, that of its paths on held-out data, in [0, 1], and
            where it can `likeliest`, the architecture that it would choose now, for reports.

        Raises:
            DivergedError: If the loss is no longer finite.
        """

    def state_dict(self) -> dict[str, Any]:
        """All that epochs change: tensors, plain values, lists and dictionaries of them, on whichever device."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state that `state_dict` returned."""

    def shortlist(self) -> list[Architecture]:
        """What to train from scratch, the most promising first; it follows from the state."""


def run_stage(
    stage: Callable[[], Stage],
    rows: Epochs,
    *,
    checkpoint: Path,
    kept: Path | None = None,
    after_epoch: Callable[[StageEpoch], None] = lambda row: None,
    progress: Progress = lambda epochs: None,
) -> list[Architecture]:
    """Run or continue a stage: after each epoch its checkpoint is written, then its row.

    Args:
        stage: Function that makes the stage; not called if its shortlist is known.
        rows: The run's rows of this stage.
        checkpoint: File of all that changes; it may be removed when the stage has ended.
        kept: File that the rows are kept in too, and at the end the shortlist; a journal without them has them from there.
        after_epoch: Called with every epoch's row, replayed or new.
        progress: Called with how far the stage is, in epochs.

    Returns:
        The shortlist.

    Raises:
        RunError: If checkpoint and rows do not belong together.
    """
    _restore(rows, kept)
    if rows.shortlist is not None:
        _replay(rows.rows(), after_epoch)
        return rows.shortlist
    made = stage()
    done = _resumed(made, checkpoint)
    if done:
        rows.put(done)  # in case that it was not written any more
    first = done.number if done else 0
    _replay(rows.rows()[:first], after_epoch)
    for number in range(first, made.epochs):
        began = time.perf_counter()
        facts = made.epoch(number, progress)
        row = StageEpoch(number=number + 1, seconds=time.perf_counter() - began, facts=facts)
        rows.check(row)
        _save(checkpoint, made, row)
        rows.put(row)
        _keep(rows, kept)
        after_epoch(row)
    rows.finish(made.shortlist())
    _keep(rows, kept)
    return rows.shortlist or []


def _keep(rows: Epochs, kept: Path | None) -> None:
    if kept:
        found = rows.shortlist
        shortlist = None if found is None else [one.model_dump(mode="json") for one in found]
        write_json(kept, {"rows": [row.model_dump(mode="json") for row in rows.rows()], "shortlist": shortlist})


def _restore(rows: Epochs, kept: Path | None) -> None:
    """Rows that a journal has lost, up to where they are kept; a damaged file has none."""
    try:
        told = json.loads(kept.read_bytes()) if kept else {}
        before = [StageEpoch.model_validate(row) for row in told.get("rows", [])]
        shortlist = [Architecture.model_validate(one) for one in told.get("shortlist") or []]
    except (OSError, ValueError, AttributeError):
        return
    if rows.shortlist is None:
        for row in before[len(rows.rows()) :]:
            rows.put(row)
        if shortlist:
            rows.finish(shortlist)


def _replay(rows: list[StageEpoch], after_epoch: Callable[[StageEpoch], None]) -> None:
    for row in rows:
        after_epoch(row)


def _save(path: Path, stage: Stage, row: StageEpoch) -> None:
    buffer = BytesIO()
    torch.save({"row": row.model_dump_json(), "stage": stage.state_dict()}, buffer)
    write_sealed(path, buffer.getvalue())


def _resumed(stage: Stage, path: Path) -> StageEpoch | None:
    """Load the checkpoint, if there is one; returns the row of the last epoch that it has seen."""
    if not path.exists():
        return None
    try:
        kept = torch.load(BytesIO(read_sealed(path)), map_location="cpu", weights_only=True)
        row = StageEpoch.model_validate_json(kept["row"])
        stage.load_state_dict(kept["stage"])
    except DamagedError as error:
        raise RunError(f"{error}; remove it to train the shared weights from the start") from None
    except Exception as error:  # torch raises many kinds for a damaged file
        raise RunError(f"{path} is damaged; remove it to train the shared weights from the start ({type(error).__name__})") from None
    return row
