"""`api.study`: the paper's studies of the search itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from facenas.api import study_pictures as pictures
from facenas.api.folders import open_run
from facenas.api.given import Changes, assignments, folder_of, settings_of
from facenas.api.lab import Lab
from facenas.api.progress import showing
from facenas.errors import SettingsError, nearest
from facenas.files import write_json, write_text
from facenas.locks import locked
from facenas.search import studies
from facenas.search.run import ExecutionSettings
from facenas.settings import Section
from facenas.training.device import Device


@dataclass(frozen=True)
class StudyResult:
    """The figures that a study has measured.

    Attributes:
        name: Name of the study.
        settings: Settings of the study.
        result: The figures.
        folder: Folder of the study, with `study.json` and `study.svg` in it.
    """

    name: str
    settings: Section
    result: Any
    folder: Path

    @property
    def files(self) -> tuple[Path, Path]:
        """The file of the figures, and that of their picture."""
        return self.folder / "study.json", self.folder / "study.svg"

    @property
    def plain(self) -> dict[str, Any]:
        """The content of `study.json`."""
        settings, result = (one.model_dump(mode="json") for one in (self.settings, self.result))
        return {"study": self.name, "settings": settings, "result": result}


def study(
    name: str,
    settings: Section | str | Path | None = None,
    *,
    run: str | Path | None = None,
    set: Changes = (),
    seeds: Sequence[int] = (),
    device: Device | None = None,
    workers: int = 1,
    cache: str | Path | None = None,
    progress: bool = False,
) -> StudyResult:
    """Repeat one of the paper's studies of the search itself; called again for the same folder, it goes on where it was interrupted.

    Args:
        name: `ranking`, `random`, `initialisation`, `reward` or `overfitting`.
        settings: Settings, a preset's name, or a YAML file; without it the preset of the study's name.
        run: Folder for everything that the study writes; without it one below `runs`, named after the preset.
        set: Settings to change, by path: `{"subsets": 3}`.
        seeds: Seeds of the study instead of the preset's.
        device: Device to compute on; without it the preset's.
        workers: Candidates in training at once; the result is that of one worker.
        cache: Folder of results that runs share by content.
        progress: Whether lines and bars are shown on standard error.

    Raises:
        SettingsError: If there is no such study, or a setting is wrong.
        RunError: If the folder belongs to other settings, or another process is at work in it.
    """
    if name not in STUDIES:
        raise SettingsError(f"unknown study {name!r}; {nearest(name, STUDIES)}")
    kind, given = STUDIES[name], name if settings is None else settings
    options = assignments({"seeds": list(seeds)} if seeds else {}) + assignments({"search.device": device} if device else {})
    ready: Section = settings_of(kind.settings, "study", given, [*assignments(set), *options])
    folder = folder_of("study", run, given)
    with showing(progress), locked(folder):
        open_run(folder, ready)
        measured = kind.measure(Lab(ready, folder, ExecutionSettings(workers=workers, cache=Path(cache) if cache else None)))
        done = StudyResult(name, ready, measured, folder)
        write_json(folder / "study.json", done.plain)
        write_text(folder / "study.svg", kind.picture(measured))
    return done


def _ranking(lab: Lab[studies.RankingSettings]) -> studies.RankingStudy:
    _, rows = lab.search("networks", lab.settings.networks())
    return studies.ranking(rows, lab.settings)


def _random(lab: Lab[studies.RandomSettings]) -> studies.RandomStudy:
    measured = []
    for seed in lab.settings.seeds:
        found, _ = lab.search(f"search-{seed}", lab.settings.searched(seed))
        _, rows = lab.search(f"compared-{seed}", lab.settings.compared(seed, found))
        measured.append(studies.improvement(rows, seed=seed))
    return studies.random_baseline(measured)


def _initialisation(lab: Lab[studies.InitialisationSettings]) -> studies.InitialisationStudy:
    trained = {}
    for subset in lab.settings.all_subsets():
        below = Path(subset.name)
        found = [lab.search(f"{below / name}", lab.settings.searched(subset, start))[0] for name, start in studies.STARTS.items()]
        _, trained[subset] = lab.search(f"{below / 'compared'}", lab.settings.compared(subset, found))
    return studies.initialisation(trained)


def _reward(lab: Lab[studies.RewardSettings]) -> studies.RewardStudy:
    measured = []
    for seed in lab.settings.seeds:
        lab.search(f"search-{seed}", lab.settings.searched(seed))
        measured.append(studies.rewards(lab.epochs(f"search-{seed}")))
    return studies.reward_study(measured)


def _overfitting(lab: Lab[studies.OverfittingSettings]) -> studies.OverfittingStudy:
    measured = []
    for seed in lab.settings.seeds:
        found, _ = lab.search(f"search-{seed}", lab.settings.searched(seed))
        tasks = zip(("a", "b"), lab.settings.trained(seed, found), strict=True)
        first, second = (studies.pair(lab.search(f"task-{name}-{seed}", settings)[1]) for name, settings in tasks)
        measured.append((first, second))
    return studies.overfitting(measured)


class _Study(NamedTuple):
    """Settings, what is measured by them, and its picture."""

    settings: Any
    measure: Callable[[Any], Any]
    picture: Callable[[Any], str]


STUDIES = {
    "ranking": _Study(studies.RankingSettings, _ranking, pictures.ranking),
    "random": _Study(studies.RandomSettings, _random, pictures.random),
    "initialisation": _Study(studies.InitialisationSettings, _initialisation, pictures.initialisation),
    "reward": _Study(studies.RewardSettings, _reward, pictures.reward),
    "overfitting": _Study(studies.OverfittingSettings, _overfitting, pictures.overfitting),
}
