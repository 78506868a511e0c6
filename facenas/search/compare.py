"""Several searches side by side: their spread over seeds, and whether they beat random search."""

import json
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import chain
from statistics import mean, stdev
from typing import Any, NamedTuple

from facenas.backbones import SPACES
from facenas.errors import RunError
from facenas.search.row import Row, StageEpoch

REPEATED = {"seed", "device", "threads", "every_epoch"}  # settings that repetitions of one search may differ in
BOUNDS = ("min_depth", "max_depth", "min_width", "max_width", "width_step")
SEARCHED = REPEATED | {"strategy", "budget"}  # ... and different searches of one task


class SearchRun(NamedTuple):
    """A search run: its name, the settings in its `config.yaml`, its journal, epochs of shared weights, and what it knows of its data."""

    name: str
    settings: Mapping[str, Any]
    rows: Sequence[Row]
    shared: Sequence[StageEpoch] = ()
    data: Any = None


def relative_improvement(accuracy: Fraction, random_accuracies: Sequence[Fraction]) -> float | None:
    """By how much a search beats the average random architecture, in percent of the latter; None without such an average above zero.

    Args:
        accuracy: Accuracy of what the search found, a fraction.
        random_accuracies: Accuracies of random architectures, fractions.

    Source: Yang et al., "NAS evaluation is frustratingly hard", 2020, section 3; EGNAS, section 4.1, ablation studies:
    RI = 100 x (Acc_m - Acc_r) / Acc_r.
    """
    average = sum(random_accuracies, Fraction(0)) / max(1, len(random_accuracies))
    return float(100 * (accuracy - average) / average) if average else None


def compare(runs: Sequence[SearchRun]) -> list[dict[str, Any]]:
    """One entry for each group of runs that differ in the seed alone, in the order given, as flat JSON.

    The score of a run is that of its last accepted candidate before the micro phases, whose scores come from a few epochs; parameters
    are that candidate's. The relative improvement is over all trained candidates of all random searches of the same task, bounds, epochs
    of a candidate and budget; others are shown, and the note says what differs.

    Raises:
        RunError: If a run has accepted no candidate yet, or two runs of a group have the same seed.
    """
    tasks = _grouped(runs, without=SEARCHED)
    entries: dict[str, dict[str, Any]] = {}
    for number, task in enumerate(tasks, 1):
        random = [run for run in task if run.settings["strategy"]["name"] == "random"]
        for group in _grouped(task, without=REPEATED):
            others = {run.name: differences(group[0], run) for run in random or task[:1]}
            alike = [run for run in random if not others[run.name]]
            drawn = [row for run in alike for row in _trained(run)]
            comparable = [run for run in task if not differences(group[0], run)]
            note = "; ".join(filter(None, [*_flags(others), _note(comparable, drawn)]))
            entries[group[0].name] = {"task": number, **_entry(group, drawn), "note": note}
    return [entries[run.name] for run in runs if run.name in entries]


def differences(one: SearchRun, other: SearchRun) -> str:
    """What makes the scores of two searches of a task no fair comparison, as a half-sentence; empty if nothing does.

    Args:
        one: A search run.
        other: Another search run of the same task.
    """
    first, second = (run.settings["strategy"] for run in (one, other))
    space = SPACES.members.get(one.settings.get("space", {}).get("name", ""))
    bounds = [] if space and space.one_size else [(f"other bounds: {key}", first.get(key), second.get(key)) for key in BOUNDS]
    epochs = [strategy.get("epochs", strategy.get("macro_epochs")) if BOUNDS[0] in strategy else None for strategy in (first, second)]
    budgets = [{key: value for key, value in (run.settings.get("budget") or {}).items() if value is not None} for run in (one, other)]
    ends = [(f"other budget: {key}", *(budget.get(key, "none") for budget in budgets)) for key in budgets[0] | budgets[1] if all(budgets)]
    compared = [*bounds, ("other epochs of a candidate:", *epochs), *ends]
    return ", ".join(f"{what} {a} against {b}" for what, a, b in compared if a is not None and b is not None and a != b)


def _flags(others: Mapping[str, str]) -> list[str]:
    return [f"{why} of {name}, no relative improvement over it" for name, why in others.items() if why]


def found(run: SearchRun) -> Row:
    """The row that a search run is judged by: its last accepted candidate of the macro phases.

    Raises:
        RunError: If the run has accepted no candidate yet.
    """
    accepted = [row for row in run.rows if row.scale == "macro" and row.verdict.outcome == "accepted"]
    if not accepted:
        raise RunError(f"{run.name} has accepted no candidate yet; let `facenas search` go on first")
    return accepted[-1]


def _entry(group: Sequence[SearchRun], drawn: Sequence[Row]) -> dict[str, Any]:
    best, trained = [found(run) for run in group], [_trained(run) for run in group]
    random = [row.evaluation.score.accuracy for row in drawn]
    improvements = [relative_improvement(row.evaluation.score.accuracy, random) for row in best]
    return {
        "strategy": group[0].settings["strategy"]["name"],
        "runs": [run.name for run in group],
        "seeds": _seeds(group),
        "score": _spread(row.evaluation.score.accuracy for row in best),
        "score_epochs": sorted({row.candidate.epochs for row in best}),
        "parameters": _spread(row.parameters for row in best),
        "candidates": _spread(len(rows) for rows in trained),
        "epochs": _spread(len(run.shared) + sum(row.candidate.epochs for row in _trained(run)) for run in group),
        "hours": _spread(
            (sum(epoch.seconds for epoch in run.shared) + sum(row.evaluation.seconds for row in _trained(run))) / 3600 for run in group
        ),
        "relative_improvement_percent": _spread(value for value in improvements if value is not None),
    }


def _trained(run: SearchRun) -> list[Row]:
    return [row for row in run.rows if not row.evaluation.score.refused]


def _grouped(runs: Iterable[SearchRun], without: set[str]) -> list[list[SearchRun]]:
    """Runs whose other settings are equal, together."""
    groups: dict[str, list[SearchRun]] = {}
    for run in runs:
        rest = {key: value for key, value in run.settings.items() if key not in without}
        if run.data is not None:  # it knows what it saw, wherever that lay
            rest["data"] = run.data
        groups.setdefault(json.dumps(rest, sort_keys=True), []).append(run)
    return list(groups.values())


def _seeds(group: Sequence[SearchRun]) -> list[int]:
    by_seed: dict[int, str] = {}
    for run in group:
        other = by_seed.setdefault(run.settings["seed"], run.name)
        if other != run.name:
            raise RunError(f"{other} and {run.name} have the same settings and the same seed; give only one of them")
    return list(by_seed)


def _spread(values: Iterable[Fraction | float]) -> dict[str, float | None] | None:
    """Mean and standard deviation, which needs two values."""
    numbers = [float(value) for value in values]
    return {"mean": mean(numbers), "sd": stdev(numbers) if len(numbers) > 1 else None} if numbers else None


def _note(task: Sequence[SearchRun], drawn: Sequence[Row]) -> str:
    """A warning where longer training alone may explain a better score."""
    epochs = {row.candidate.epochs for row in chain((found(run) for run in task), drawn)}
    return (
        f"the scores come from {min(epochs)} to {max(epochs)} epochs of training: longer training alone scores higher"
        if len(epochs) > 1
        else ""
    )
