"""`api.quickstart`: search, train, evaluate and export on real photographs, one after the other."""

import logging
import shlex
import time
from dataclasses import dataclass
from pathlib import Path

from facenas.api.evaluating import EvalResult, evaluate
from facenas.api.exporting import ExportResult, export
from facenas.api.progress import showing
from facenas.api.searching import SearchResult, search
from facenas.api.training import TrainResult, train
from facenas.training.device import Device

logger = logging.getLogger("facenas")


@dataclass(frozen=True)
class QuickstartResult:
    """A face backbone from photographs to a file.

    Attributes:
        search: What the search found.
        train: What the training made of it.
        orl: The model's figures on people that it has not seen, beside classical baselines.
        export: The exported file.
        orl_onnx: The file's figures on the same people.
        seconds: Time that all steps took, in seconds.
    """

    search: SearchResult
    train: TrainResult
    orl: EvalResult
    export: ExportResult
    orl_onnx: EvalResult
    seconds: float


def quickstart(run: str | Path = "quickstart", *, seed: int = 0, device: Device | None = None, progress: bool = False) -> QuickstartResult:
    """Search, train, evaluate and export a face backbone on the 400 ORL photographs: at most 5 minutes on two CPU cores.

    Args:
        run: Folder for everything that it writes.
        seed: Seed of all steps, and of the choice of test people.
        device: Device to compute on; without it the presets'.
        progress: Whether lines and bars are shown on standard error, among them the command of each step.
    """
    start, folder = time.perf_counter(), Path(run)
    found, model = folder / "search", folder / "model"
    changes = {"seed": seed, "data.split_seed": seed} | ({"device": device} if device else {})
    shared = ["--seed", str(seed), "--set", f"data.split_seed={seed}", *(["--device", device] if device else [])]
    architecture, file = found / "architecture.json", model / "model.onnx"
    with showing(progress):
        _say("search", "--config", "quickstart", "--run", found, *shared)
        searched = search("quickstart", run=found, set=changes)
        _say("train", "--config", "quickstart", "--architecture", architecture, "--run", model, *shared)
        trained = train("quickstart", architecture=architecture, run=model, set=changes)
        _say("eval", "--model", model, "--benchmark", "orl", "--baselines")
        measured = evaluate(model, "orl", baselines=True)
        _say("export", "--model", model)
        exported = export(model)
        _say("eval", "--model", file, "--benchmark", "orl")
        deployed = evaluate(file, "orl")
    return QuickstartResult(searched, trained, measured, exported, deployed, time.perf_counter() - start)


def _say(*command: str | Path) -> None:
    """The step as a person would type it."""
    logger.info("\n$ facenas %s", shlex.join(map(str, command)))
