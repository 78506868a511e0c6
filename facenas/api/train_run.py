"""A training run in its folder: the architecture that is meant, the loop with all who listen to it, the model that it leaves."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from torch import nn

from facenas.api.watching import Bars, stoppable, telling
from facenas.backbones import ZOO, get_blueprint
from facenas.data import ClassSource
from facenas.errors import SettingsError
from facenas.eval import extract, torch_embedder
from facenas.eval.protocols import make_benchmark
from facenas.eval.resolution import least_difference
from facenas.eval.settings import EvalSettings
from facenas.score import Epoch
from facenas.settings import assigned
from facenas.training.checkpoint import CHECKPOINT
from facenas.training.device import make_fabric
from facenas.training.fit import fit
from facenas.training.listener import Listener, nothing
from facenas.training.logs import Logs
from facenas.training.models import FoundArchitecture, load_found, looks_of, names_of, save_model, together
from facenas.training.provenance import same_data
from facenas.training.settings import TrainSettings, seen_by
from facenas.training.tasks import FaceTask, Task

OF_THE_NETWORK = {"input_size", "num_classes", "shape", "depth", "channels", "auxiliary", "drop_path"}


class TrainingFigures(NamedTuple):
    """Figures of the last epoch, none on other ranks than the first, and all epochs."""

    metrics: dict[str, float]
    history: tuple[Epoch, ...]


def found_by(settings: TrainSettings) -> FoundArchitecture:
    """The architecture that the settings name, in the space that they make of its own, and the people that its search used."""
    if settings.timm_name:
        return FoundArchitecture.model_validate(settings.hand_made(settings.timm_name[0]).model_dump())
    path = Path(settings.architecture)
    is_name = settings.architecture in ZOO or not (path.exists() or path.suffix or len(path.parts) > 1)
    found = FoundArchitecture.model_validate(get_blueprint(settings.architecture).model_dump()) if is_name else load_found(path)
    changes = settings.model_dump(include=OF_THE_NETWORK, exclude_none=True)
    tree = found.model_dump()
    if foreign := changes.keys() - tree["space"].keys():
        raise SettingsError(f"a network of the space {found.space.name!r} has no {sorted(foreign)[0]}; leave that setting out")
    sizes = {name: changes[key] for name, key in (("depth", "depth"), ("width", "channels")) if key in changes}
    made = tree | {"space": tree["space"] | changes, "architecture": tree["architecture"] | sizes}
    return assigned(FoundArchitecture, made, told=settings.architecture)


def train_in(
    folder: Path, settings: TrainSettings, found: FoundArchitecture, folds: Mapping[str, float] = MappingProxyType({})
) -> TrainingFigures:
    """Train, or go on training, in a folder; writes the model, with what folds have told of it.

    Args:
        folder: Folder of the run.
        settings: Settings of the training.
        found: The architecture to train, and the people that its search used.
        folds: Figures over all folds, by name, if there were any.
    """
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
            listener=Listener(
                after_epoch=telling(listeners, "after_epoch"),
                after_log=telling(listeners, "after_log"),
                after_validation=watcher or nothing,
                after_best=lambda network, epoch: _keep(folder / "best", network, epoch, settings, found, task),
                stop=stop,
            ),
        )
    if not fabric.is_global_zero:
        return TrainingFigures({}, fitted.history)
    return TrainingFigures(_keep(folder, fitted.network, fitted.history[-1], settings, found, task, folds), fitted.history)


def watching(settings: TrainSettings, task: Task, listeners: list[Any]) -> Callable[[nn.Module, Epoch], None]:
    """A function that measures a network on the benchmarks that are watched during training, and tells the listeners.

    Args:
        settings: Settings of the training, which name these benchmarks.
        task: The task; its people are not tested on.
        listeners: Objects with a method `after_watching(epoch, rates)`.
    """
    seen, size = seen_by(task), task.contract.size
    names, looks = names_of(seen), looks_of(seen)
    watched = [EvalSettings(data=source, replicates=0) for source in settings.watch]
    benchmarks = [make_benchmark(one, size=size, seen=names, looks=looks) for one in watched]

    def watch(network: nn.Module, epoch: Epoch) -> None:
        embedder, rates = torch_embedder(network, task.contract, next(network.parameters()).device), dict[str, float]()
        for benchmark in benchmarks:
            pictures = benchmark.pictures
            features = extract(embedder, pictures.image, pictures.count, most_missing=pictures.most_missing).values
            rates |= {f"{benchmark.name}{part}": rate for part, rate in benchmark.measure(features).rates.items()}
        for listener in listeners:
            listener.after_watching(epoch, rates)

    return watch


def _keep(
    folder: Path, network: nn.Module, epoch: Epoch, settings: TrainSettings, found: FoundArchitecture, task: Task,
    folds: Mapping[str, float] = MappingProxyType({}),
) -> dict[str, float]:  # fmt: skip
    """Write the network after an epoch, with its figures."""
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
