"""`facenas compare`: two photographs, or several searches side by side."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facenas.cli.common import Device, Json, Set, millions, percent, print_json, print_result, remark
from facenas.cli.using import (
    Align,
    DetectorModel,
    Faces,
    Far,
    Value,
    alignment_of,
    faces_in,
    open_model,
    placed,
    threshold_of,
    told,
)
from facenas.errors import RunError, SettingsError

if TYPE_CHECKING:
    from rich.table import Table

    from facenas.search.compare import Compared


Given = Annotated[list[Path], typer.Argument(help="Two pictures, or folders of search runs.")]
Model = Annotated[Path | None, typer.Option("--model", help="For pictures: folder of a training run, an ONNX file, or timm:NAME.")]


def compare(
    given: Given,
    model: Model = None,
    align: Align = "none",
    detector_model: DetectorModel = None,
    faces: Faces = "largest",
    far: Far = 1e-3,
    threshold: Value = None,
    assignments: Set = [],
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Compare the faces of two pictures: score, threshold, verdict. Or compare searches: score, cost, improvement over random search.

    Example: facenas compare a.jpg b.jpg --model runs/ir50 --align dlib, or facenas compare runs/egnas-0 runs/random-0
    """
    files = [path for path in given if not path.is_dir()]
    if model is None and not any(path.is_file() for path in files):
        searches(given, as_json=as_json)
        return
    if model is None or len(files) != 2 or len(given) != 2:
        raise SettingsError(
            f"compare takes two pictures and --model, or folders of searches and no model; got {len(files)} pictures, "
            f"{len(given) - len(files)} folders and {'a' if model else 'no'} model"
        )
    import numpy as np

    read = open_model(model, assignments, device)
    alignment = alignment_of(align, detector_model, faces=faces)
    detector = alignment.make_detector()
    cuts = [faces_in(file, detector, alignment, read.contract.size)[0] for file in files]
    first, second = read.embed(np.stack([cut.pixels for cut in cuts if cut.pixels is not None]))
    score, (limit, why) = float(first @ second), threshold_of(read, far, threshold)
    same = None if limit is None else score >= limit.value
    if as_json:
        pictures = [{"file": str(file), **placed(cut)} for file, cut in zip(files, cuts, strict=True)]
        print_json(
            {"score": score, "same": same, **told(limit, why), "pictures": pictures, "model": str(model), "model_sha256": read.sha256}
        )
    elif limit is None:
        print_result(f"score {score:.3f}; no verdict: {why}")
    else:
        print_result(f"{'one person' if same else 'different people'}: score {score:.3f}, {limit.in_words}")


def searches(runs: list[Path], *, as_json: bool) -> None:
    """Searches side by side; runs that differ in the seed alone are averaged."""
    from facenas.search.compare import compare

    entries = compare([read(run) for run in dict.fromkeys(runs)])
    if as_json:
        print_json(entries)
        return
    print_result(table(entries))
    for task, note in dict.fromkeys((entry["task"], entry["note"]) for entry in entries if entry["note"]):
        print_result(f"task {task}: {note}")


def read(run: Path) -> "Compared":
    """A run's settings and journal.

    Raises:
        RunError: If the folder holds no search.
    """
    import yaml

    from facenas.search import open_journal
    from facenas.search.compare import Compared
    from facenas.search.reading import is_finished

    journal, file = open_journal(run), run / "config.yaml"
    try:
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))
        strategy, seed = settings["strategy"]["name"], settings["seed"]
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
        raise RunError(f"{file} is missing or damaged; give the folder of a `facenas search` run") from None
    if not is_finished(run):
        remark(f"{run} ({strategy}, seed {seed}) is not finished: its figures are those so far")
    epochs = journal.epochs()
    return Compared(str(run), settings, journal.rows(), epochs.rows() if epochs else (), _data(run))


def _data(run: Path) -> Any:
    """What a run knows of its data; None of a run of before."""
    file = run / "data.json"
    try:
        return json.loads(file.read_bytes()) if file.is_file() else None
    except (OSError, ValueError):
        raise RunError(f"{file} is damaged; restore it, or start a new run") from None


def table(entries: list[dict[str, Any]]) -> "Table":
    """Mean and standard deviation over seeds."""
    from rich.table import Table

    result = Table(
        "task", "strategy", "seeds", "score", "after epochs", "parameters", "candidates", "epochs", "hours", "RI", title="searches"
    )
    for entry in entries:
        result.add_row(
            str(entry["task"]),
            entry["strategy"],
            ", ".join(map(str, entry["seeds"])),
            spread(entry["score"], percent),
            ", ".join(map(str, entry["score_epochs"])),
            spread(entry["parameters"], millions),
            spread(entry["candidates"], "{:.0f}".format),
            spread(entry["epochs"], "{:.0f}".format),
            spread(entry["hours"], "{:.2f}".format),
            spread(entry["relative_improvement_percent"], "{:+.2f} %".format),
        )
    return result


def spread(value: dict[str, Any] | None, words: Callable[[float], str]) -> str:
    """Mean ± standard deviation."""
    if value is None:
        return "-"
    return words(value["mean"]) + ("" if value["sd"] is None else f" ± {words(value['sd']).lstrip('+')}")
