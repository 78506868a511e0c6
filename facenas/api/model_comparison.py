"""`api.compare_models`: models side by side on benchmarks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facenas.api.evaluating import evaluate_models
from facenas.api.given import Changes
from facenas.api.measuring import compared
from facenas.api.progress import showing
from facenas.errors import SettingsError
from facenas.eval.settings import EvalSettings
from facenas.files import replacing, write_text
from facenas.locks import locked_within
from facenas.report.comparison import ComparedModels, page, pictures
from facenas.training.device import Device


@dataclass(frozen=True)
class ModelComparison:
    """Models side by side on benchmarks.

    Attributes:
        page: The HTML page with tables and pictures.
        benchmarks: The figures of all models, benchmark by benchmark.
    """

    page: Path
    benchmarks: tuple[ComparedModels, ...]


def compare_models(
    models: Sequence[str | Path],
    benchmarks: Sequence[EvalSettings | str] = ("orl",),
    *,
    data: str | Path | None = None,
    config: str | Path | None = None,
    set: Changes = (),
    run: str | Path | None = None,
    baselines: bool = False,
    seed: int | None = None,
    device: Device | None = None,
    progress: bool = False,
) -> ModelComparison:
    """Measure models on benchmarks and write them side by side: a table, pictures, one page, and what the differences are worth.

    Args:
        models: Folders of training runs, ONNX files, `timm:NAME`, or embeddings (.npy); the first is compared with each other one.
        benchmarks: Names or settings, or `["all"]`: every benchmark whose files `data` has.
        data: Folder of the benchmarks' files, or the file itself.
        config: A YAML file of settings instead of the benchmarks' presets.
        set: Settings to change, by path, of every benchmark.
        run: Folder for the page, its pictures and the reports; without it `comparison`, and the reports lie beside the models.
        baselines: Also measure raw pixels, eigenfaces and fisherfaces on the same pairs.
        seed: Seed of the choice of pairs and of the resamplings; without it the settings'.
        device: Device that torch models run on; without it the settings'.
        progress: Whether lines and bars are shown on standard error.

    Raises:
        FacenasError: If `evaluate` raises one for a model; what was measured before is kept.
    """
    folder = Path(run or "comparison")
    options: dict[str, Any] = {"data": data, "config": config, "run": run, "baselines": baselines, "seed": seed}
    with showing(progress), locked_within(folder, folder / "comparison.html"):
        done = evaluate_models(models, benchmarks, set=set, device=device, **options)
        if not all(one.measured for one in done):
            raise SettingsError("classifiers are measured one by one on their test sets; leave out --compare")
        side_by_side = compared([one.measured for one in done if one.measured])
        drawn = {one.name: pictures(one) for one in side_by_side}
        for name, picture in ((f"{name}-{kind}.png", picture) for name, those in drawn.items() for kind, picture in those.items()):
            with replacing(folder / name) as temporary:
                temporary.write_bytes(picture)
        write_text(folder / "comparison.html", page(side_by_side, drawn))
    return ModelComparison(folder / "comparison.html", tuple(side_by_side))
