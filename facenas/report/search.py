"""The report of a search: one page that needs nothing else, from the journal's rows."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Template
from pydantic import TypeAdapter, ValidationError

from facenas.backbones import Architecture, Blueprint, Space
from facenas.errors import RunError, in_short
from facenas.files import write_text
from facenas.report.charts import legend_mark
from facenas.report.curves import learning_curves
from facenas.report.drawing import draw, legend
from facenas.report.environment import templates
from facenas.report.fronts import fronts
from facenas.report.scores import Names
from facenas.report.shared_weights import stage
from facenas.report.trajectory import trajectory
from facenas.report.words import amount, changed, duration, epochs_each, failed, interval, points, reason, score
from facenas.search.reading import is_finished, open_journal
from facenas.search.row import SCALES, Row, StageEpoch
from facenas.training.models import load_found

DRAWING_WIDTHS = (340, 640, 928)  # pixels: for phones, tablets and desks
LONG = 20  # rows of a table that is folded at first


def write_report(run: Path, output: Path | None = None) -> Path:
    """Write the report of a search run, finished or not; returns its file.

    Args:
        run: Folder of the run.
        output: File that is written; None: `report.html` in the run's folder.

    Raises:
        RunError: If the run has no candidate yet, or its folder is damaged.
    """
    journal, config = open_journal(run), run / "config.yaml"
    if not config.is_file():
        raise RunError(f"no config.yaml in {run}; give the folder of a `facenas search` run")
    text, finished = config.read_text(encoding="utf-8"), is_finished(run)
    found = load_found(run / "architecture.json").architecture if finished else None
    file = output or run / "report.html"
    space, epochs = _space(text, config), journal.epochs()
    kept = epochs.rows() if epochs else []
    html = page(run, journal.rows(), space=space, found=found, config=text, warnings=journal.warnings, epochs=kept)
    try:
        write_text(file, html)
    except OSError as error:
        raise RunError(f"{file.parent} cannot be written ({error.strerror}); give another file with --output") from None
    return file


def page(
    run: Path,
    rows: Sequence[Row],
    *,
    space: Space,
    found: Architecture | None,
    config: str = "",
    warnings: Sequence[str] = (),
    epochs: Sequence[StageEpoch] = (),
) -> str:
    """Make the page's HTML; equal rows make equal bytes.

    Args:
        run: Folder of the run, to name it and to repeat it.
        rows: All candidates so far.
        space: The search space of the architectures.
        found: The architecture that the search returned; None while it is not finished.
        config: Settings of the search, as text.
        warnings: Sentences that a reader must know first.
        epochs: Epochs of the stage that trains shared weights, if the search has one.

    Raises:
        RunError: If there is no candidate yet, nor an architecture that the stage of shared weights would choose now.
    """
    shared = stage(epochs, space)
    if not rows and not (shared and shared.likeliest):
        raise RunError(f"no candidate of {run} has a score yet; a report needs at least one: let `facenas search` go on first")
    best = chosen(rows, found)
    macro = chosen([row for row in rows if row.scale == "macro"], None) if best and best.scale == "micro" else None
    architecture = found or ((best or rows[0]).candidate.architecture if rows or not shared else shared.likeliest)
    assert architecture
    blueprint, names = Blueprint(architecture=architecture, space=space), _names(macro, best, finished=found is not None)
    return _template().render(
        run=run, rows=rows, best=best, macro=macro, finished=found is not None, blueprint=blueprint, warnings=warnings, config=config,
        cost=space.cost(architecture), totals=_totals(rows), legend=legend(blueprint), long=len(rows) > LONG,
        drawings=[draw(blueprint, width) for width in DRAWING_WIDTHS], block=(chain := space.drawing(architecture)).told,
        trajectory=trajectory(rows, names, part=chain.part),
        scales=[_scale(name, some, names) for name in SCALES if (some := [row for row in rows if row.scale == name])],
        shared=shared, has_latency=any(row.latency_ms is not None for row in rows),
        repeat=_command(run, run.parent / f"{run.name or 'run'}-again"), resume=_command(run, run),
    )  # fmt: skip


def chosen(rows: Sequence[Row], found: Architecture | None) -> Row | None:
    """The candidate that stands for the result of the search.

    Args:
        rows: All candidates so far.
        found: The architecture that the search returned; None while it is not finished.

    Returns:
        The candidate that became the found architecture; while there is none, the last accepted one, which is the best so far; None if none
            has a score.
    """
    scored = [row for row in rows if not failed(row) and found in (None, row.candidate.architecture)]
    accepted = [row for row in scored if row.verdict.outcome == "accepted"]
    best = accepted or (scored if found else [])
    return best[-1] if best else None


def _names(macro: Row | None, best: Row | None, *, finished: bool) -> Names:
    """Words that are written beside the best candidates in the charts."""
    names = {macro.step: "macro best"} if macro else {}
    return names | ({best.step: "found" if finished else "best so far"} if best else {})


def _totals(rows: Sequence[Row]) -> dict[str, Any]:
    """Totals of what the search spent; a refused candidate was not trained."""
    trained = [row for row in rows if failed(row) != "refused"]
    kinds = [failed(row) or row.verdict.outcome for row in rows]
    return {
        "epochs": sum(row.candidate.epochs for row in trained),
        "time": duration(sum(row.evaluation.seconds for row in trained)),
        "devices": ", ".join(sorted({row.evaluation.device for row in trained})),
        "kinds": ", ".join(
            f"{kinds.count(kind)} {kind}" for kind in ("accepted", "neutral", "rejected", "diverged", "refused") if kind in kinds
        ),
    }


def _command(run: Path, target: Path) -> str:
    return shlex.join(["facenas", "search", "--config", str(run / "config.yaml"), "--run", str(target)])


def _scale(name: str, rows: Sequence[Row], names: Names) -> dict[str, Any]:
    return {"name": name, "epochs": epochs_each(rows), "fronts": fronts(rows, names), "curves": learning_curves(rows, names)}


def _space(config: str, file: Path) -> Space:
    try:
        space: Space = TypeAdapter(Space).validate_python(yaml.safe_load(config)["space"])
    except ValidationError as error:
        raise RunError(f"{file} names no search space that can be used: {in_short(error)}") from None
    except (yaml.YAMLError, TypeError, KeyError):
        raise RunError(f"{file} names no search space; it is damaged, restore it") from None
    return space


def _template() -> Template:
    """The page's template, which escapes all that it is given."""
    environment = templates()
    environment.globals.update(
        mark=legend_mark, changed=changed, failed=failed, interval=interval, points=points, reason=reason, score=score
    )
    environment.filters.update(amount=amount, count="{:,}".format)
    return environment.get_template("template.html")
