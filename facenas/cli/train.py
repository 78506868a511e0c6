"""`facenas train`: train an architecture."""

import os
from contextlib import ExitStack, nullcontext
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
    remark,
    settings_before,
    settings_kept,
)
from facenas.errors import RunError
from facenas.locks import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn

    from facenas.training.loop import Epoch
    from facenas.training.models import Found
    from facenas.training.settings import TrainSettings
    from facenas.training.tasks import Task

OF_THE_NETWORK = {"input_size", "num_classes", "shape", "depth", "channels", "auxiliary", "drop_path"}
Architecture = Annotated[
    str | None,
    typer.Option("--architecture", "--backbone", help="A name that `facenas models` lists, a file, a search run's folder, or timm:NAME."),
]
NumClasses = Annotated[int | None, typer.Option("--num-classes", min=2, help="Classes, to train what was found on another data set.")]
Pretrained = Annotated[bool, typer.Option("--pretrained", help="Begin with the weights that timm publishes for its network.")]
Devices = Annotated[int, typer.Option("--devices", min=1, help="Devices of this machine that train together; each is one process.")]


def train(
    architecture: Architecture = None,
    pretrained: Pretrained = False,
    config: Config = "quickstart",
    assignments: Set = [],
    run: Run = None,
    seed: Seed = None,
    device: Device = None,
    devices: Devices = 1,
    data_root: DataRoot = None,
    num_classes: NumClasses = None,
    as_json: Json = False,
) -> None:
    """Train an architecture with a margin head; an interrupted run goes on where it was, with the same result.

    Several devices: --devices 4, or `torchrun --nproc-per-node 4 -m facenas train ...` on one machine or many.

    Example: facenas train --architecture runs/orl/architecture.json --run runs/orl-model, or
    facenas train --config allegro-eval --set data.name=cifar100 --num-classes 100, or
    facenas train --backbone timm:resnet18
    """
    from facenas.cli.watching import on_devices
    from facenas.settings import load
    from facenas.training.settings import TrainSettings

    pretrained_at = {"timm.pretrained": "true"} if pretrained else {}
    changed = {"architecture": architecture, "num_classes": num_classes, **pretrained_at}
    given = overrides(assignments, **changed, seed=seed, device=device, **data_at(data_root))
    settings = load(TrainSettings, command="train", preset=config, overrides=given)
    found = found_by(settings)
    blueprint = found.blueprint
    folder = run or Path("runs") / f"train-{Path(config).stem}"
    is_first = os.environ.get("RANK", "0") == "0"  # the other ranks of torchrun write nothing
    with locked(folder) if is_first else nullcontext(), settings_kept(folder) if is_first else nullcontext():
        if is_first:
            how = going_on(folder, settings)
            open_run(folder, settings, changeable=("epochs",))
            if how:
                remark(how)
        folds = cross_validated(folder, settings, found, devices)
        metrics = train_in(folder, settings, found, folds) if devices == 1 else {}
    metrics = on_devices(folder, devices) if devices > 1 else metrics  # the first of its ranks holds the lock
    if not metrics:  # another rank speaks
        return
    result: dict[str, Any] = {
        "run": str(folder),
        "architecture": blueprint.architecture.model_dump(mode="json"),
        "identity": blueprint.architecture.identity,
        "parameters": blueprint.space.count_parameters(blueprint.architecture),
        "macs": blueprint.space.macs(blueprint.architecture),
        "epochs": settings.epochs,
        **metrics,
        "files": [str(folder / name) for name in ("model.safetensors", "model.json")],
    }
    if as_json:
        print_json(result)
        return
    print_result(f"trained {settings.epochs} epochs, loss {metrics['loss']:.3f}{validated(metrics)} -> {', '.join(result['files'])}")


def cross_validated(folder: Path, settings: "TrainSettings", found: "Found", devices: int) -> dict[str, float]:
    """The figures of the folds, if there are to be any.

    Raises:
        SettingsError: If several devices are to train them.
    """
    from facenas.cli.folding import train_folds
    from facenas.errors import SettingsError

    if not settings.validation.folds:
        return {}
    if max(devices, int(os.environ.get("WORLD_SIZE", 1))) > 1:
        raise SettingsError("validation.folds trains its networks on one device; leave --devices and torchrun out")
    return train_folds(folder, settings, found)


def validated(metrics: dict[str, float]) -> str:
    """What is known of a network's accuracy, and how little a few pairs tell."""
    from facenas.cli.folding import in_words

    if "folds" in metrics:
        return f", of everybody; {in_words(metrics)}"
    if "validation_accuracy" not in metrics:
        return ""
    pairs, least = metrics.get("validation_pairs"), metrics.get("validation_least_difference", 0)
    told = f" of {pairs:,.0f} pairs, which tell differences of {100 * least:.1f} points or more" if pairs else ""
    return f", validation {percent(metrics['validation_accuracy'])}{told}"


def going_on(folder: Path, settings: "TrainSettings") -> str:
    """Refuse to shorten a run; of one that becomes longer, what it is, in words.

    Raises:
        RunError: If it cannot go on.
    """
    from facenas.training.checkpoint import CHECKPOINT
    from facenas.training.provenance import has_work

    before, epochs = (settings_before(folder) or {}).get("epochs", settings.epochs), settings.epochs
    if not isinstance(before, int) or before == epochs or not has_work(folder):
        return ""
    if before > epochs:
        raise RunError(f"{folder} is a run of {before} epochs, and cannot become one of {epochs}; give another --run")
    if not (folder / CHECKPOINT).is_file():
        raise RunError(f"{folder} has no {CHECKPOINT} from which its {before} epochs could become {epochs}; give another --run")
    factor = settings.recipe.schedule.factor
    same = all(factor(half / 2, before) == factor(half / 2, epochs) for half in range(2 * before))
    result = "" if same else f", whose beginning had other learning rates: the result is not that of {epochs} epochs from the start"
    return f"going on from the checkpoint of a run of {before} epochs, by the schedule of {epochs}{result}"


def found_by(settings: "TrainSettings") -> "Found":
    """The architecture that the settings name, in the space that they make of its own, and the people that its search used."""
    from facenas.backbones import ZOO, get_blueprint
    from facenas.errors import SettingsError
    from facenas.settings import assigned
    from facenas.training.models import Found, load_found

    if settings.timm_name:
        return Found.model_validate(settings.hand_made(settings.timm_name[0]).model_dump())
    path = Path(settings.architecture)
    is_name = settings.architecture in ZOO or not (path.exists() or path.suffix or len(path.parts) > 1)
    found = Found.model_validate(get_blueprint(settings.architecture).model_dump()) if is_name else load_found(path)
    changes = settings.model_dump(include=OF_THE_NETWORK, exclude_none=True)
    tree = found.model_dump()
    if foreign := changes.keys() - tree["space"].keys():
        raise SettingsError(f"a network of the space {found.space.name!r} has no {sorted(foreign)[0]}; leave that setting out")
    sizes = {name: changes[key] for name, key in (("depth", "depth"), ("width", "channels")) if key in changes}
    made = tree | {"space": tree["space"] | changes, "architecture": tree["architecture"] | sizes}
    return assigned(Found, made, told=settings.architecture)


def train_in(folder: Path, settings: "TrainSettings", found: "Found", folds: "Mapping[str, float]" = {}) -> dict[str, float]:
    """Train, or go on training, in a folder; writes the model, with what folds have told of it, and returns the last epoch's figures."""
    from facenas.cli.watching import Bars, stoppable, telling
    from facenas.training.checkpoint import CHECKPOINT
    from facenas.training.device import make_fabric
    from facenas.training.fit import fit
    from facenas.training.logs import Logs
    from facenas.training.provenance import same_data

    fabric = make_fabric(settings.device, settings.recipe.precision, devices=1)
    fabric.launch()
    settings = settings.of_everybody() if folds else settings
    task, last = settings.task(found.blueprint.space), folder / CHECKPOINT
    if fabric.is_global_zero:
        same_data(folder, task.data)
    with stoppable() as stop, ExitStack() as stack:
        listeners: list[Any] = []
        if fabric.is_global_zero:
            listeners = [stack.enter_context(one) for one in (Bars(settings.epochs), Logs(folder, task.validation_items))]
        watcher = watching(settings, task, listeners) if settings.watch and fabric.is_global_zero else None
        fitted = fit(
            task,
            found.blueprint,
            recipe=settings.recipe,
            epochs=settings.epochs,
            seed=settings.seed,
            fabric=fabric,
            initial=None if last.exists() else settings.initial(found.blueprint.space),
            checkpoint=last,
            care=settings.care,
            after_epoch=telling(listeners, "after_epoch"),
            after_log=telling(listeners, "after_log"),
            after_validation=watcher or (lambda network, epoch: None),
            after_best=lambda network, epoch: _keep(folder / "best", network, epoch, settings, found, task),
            stop=stop,
        )
    return _keep(folder, fitted.network, fitted.history[-1], settings, found, task, folds) if fabric.is_global_zero else {}


def watching(settings: "TrainSettings", task: "Task", listeners: list[Any]) -> "Callable[[nn.Module, Epoch], None]":
    """A function that measures a network on the benchmarks that are watched, and tells the listeners."""
    from facenas.eval import extract, torch_embedder
    from facenas.eval.protocols import make_benchmark
    from facenas.eval.settings import EvalSettings
    from facenas.training.models import looks_of, names_of
    from facenas.training.settings import seen_by

    seen, size = seen_by(task), task.contract.size
    names, looks = names_of(seen), looks_of(seen)
    watched = [EvalSettings(data=source, replicates=0) for source in settings.watch]
    benchmarks = [make_benchmark(one, size=size, seen=names, looks=looks) for one in watched]

    def watch(network: "nn.Module", epoch: "Epoch") -> None:
        embedder, rates = torch_embedder(network, task.contract, next(network.parameters()).device), dict[str, float]()
        for benchmark in benchmarks:
            pictures = benchmark.pictures
            features = extract(embedder, pictures.image, pictures.count, most_missing=pictures.most_missing).values
            rates |= {f"{benchmark.name}{part}": rate for part, rate in benchmark.measure(features).rates.items()}
        for listener in listeners:
            listener.after_watching(epoch, rates)

    return watch


def _keep(
    folder: Path, network: "nn.Module", epoch: "Epoch", settings: "TrainSettings", found: "Found", task: "Task",
    folds: "Mapping[str, float]" = {},
) -> dict[str, float]:  # fmt: skip
    """Write the network after an epoch, with its figures."""
    from facenas.data import ClassSource
    from facenas.eval.resolution import least_difference
    from facenas.training.models import save_model, together
    from facenas.training.settings import seen_by
    from facenas.training.tasks import FaceTask

    metrics = {"epoch": epoch.epoch, "loss": epoch.loss, "train_accuracy": epoch.correct / epoch.total, **folds}
    if task.validation_items:
        right = int(task.validate(network).sum()) if epoch.validation is None else epoch.validation
        metrics["validation_accuracy"] = right / task.validation_items
        if isinstance(task, FaceTask):
            metrics |= {
                "validation_pairs": task.validation_items,
                "validation_least_difference": least_difference(right, task.validation_items),
            }
    data = settings.data.placeless() if isinstance(settings.data, ClassSource) else None
    seen = together(found.seen, seen_by(task))
    known: dict[str, Any] = {"seen": seen, "data": data, "trained_on": task.data}
    save_model(folder, network, blueprint=found.blueprint, contract=task.contract, metrics=metrics, **known)
    return metrics
