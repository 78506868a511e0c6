"""`facenas train`: train an architecture."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facenas.cli.common import (
    Config,
    DataRoot,
    Device,
    Json,
    Run,
    Seed,
    Set,
    data_at,
    open_run,
    overrides,
    percent,
    print_json,
    print_result,
    progress_bars,
    remark,
)
from facenas.settings import load

if TYPE_CHECKING:
    from facenas.training.loop import Epoch
    from facenas.training.models import Found
    from facenas.training.settings import TrainSettings

Architecture = Annotated[
    str | None, typer.Option("--architecture", help="A name that `facenas models` lists, a file, or a search run's folder.")
]


def train(
    architecture: Architecture = None,
    config: Config = "quickstart",
    assignments: Set = [],
    run: Run = None,
    seed: Seed = None,
    device: Device = None,
    data_root: DataRoot = None,
    as_json: Json = False,
) -> None:
    """Train an architecture with a margin head; an interrupted run goes on from its last finished epoch.

    Example: facenas train --architecture runs/orl/architecture.json --run runs/orl-model
    """
    from facenas.training.settings import TrainSettings

    given = overrides(assignments, architecture=architecture, seed=seed, device=device, **data_at(data_root))
    settings = load(TrainSettings, command="train", preset=config, overrides=given)
    found = found_by(settings)
    blueprint = found.blueprint
    folder = run or Path("runs") / f"train-{Path(config).stem}"
    open_run(folder, settings)
    metrics = train_in(folder, settings, found)
    result: dict[str, Any] = {
        "run": str(folder),
        "architecture": blueprint.architecture.model_dump(mode="json"),
        "identity": blueprint.architecture.identity,
        "parameters": blueprint.space.count_parameters(blueprint.architecture),
        "epochs": settings.epochs,
        **metrics,
        "files": [str(folder / name) for name in ("model.safetensors", "model.json")],
    }
    if as_json:
        print_json(result)
        return
    validated = f", validation {percent(metrics['validation_accuracy'])}" if "validation_accuracy" in metrics else ""
    print_result(f"trained {settings.epochs} epochs, loss {metrics['loss']:.3f}{validated} -> {', '.join(result['files'])}")


def found_by(settings: "TrainSettings") -> "Found":
    """The architecture that the settings name, at their input size, and the people that its search used."""
    from facenas.backbones import ZOO, get_blueprint
    from facenas.training.models import Found, load_found

    path = Path(settings.architecture)
    is_name = settings.architecture in ZOO or not (path.exists() or path.suffix or len(path.parts) > 1)
    found = Found.model_validate(get_blueprint(settings.architecture).model_dump()) if is_name else load_found(path)
    if settings.input_size is None:
        return found
    tree = found.model_dump()
    tree["space"]["input_size"] = settings.input_size
    return Found.model_validate(tree)


def train_in(folder: Path, settings: "TrainSettings", found: "Found") -> dict[str, float]:
    """Train, or go on training, in a folder; writes the model and returns the last epoch's figures."""
    from facenas.data import ClassSource
    from facenas.training.checkpoint import CHECKPOINT
    from facenas.training.fit import fit
    from facenas.training.models import save_model, together
    from facenas.training.settings import seen_by

    blueprint = found.blueprint
    task = settings.task(blueprint.space)
    with progress_bars() as progress:
        bar = progress.add_task("train (epochs)", total=settings.epochs)

        def report(epoch: "Epoch") -> None:
            share = epoch.correct / epoch.total
            progress.update(bar, completed=epoch.epoch, description=f"train: loss {epoch.loss:.3f}, correct {percent(share, 1)}")

        fitted = fit(
            task,
            blueprint,
            recipe=settings.recipe,
            epochs=settings.epochs,
            seed=settings.seed,
            device=settings.device,
            checkpoint=folder / CHECKPOINT,
            after_epoch=report,
        )
    last = fitted.history[-1]
    metrics = {"loss": last.loss, "train_accuracy": last.correct / last.total}
    if task.validation_items:
        metrics["validation_accuracy"] = float(task.validate(fitted.network).mean())
    data = settings.data.placeless() if isinstance(settings.data, ClassSource) else None
    seen = together(found.seen, seen_by(task))
    save_model(folder, fitted.network, blueprint=blueprint, contract=task.contract, metrics=metrics, seen=seen, data=data)
    remark(f"{len(fitted.history)} epochs, last loss {last.loss:.3f}")
    return metrics
