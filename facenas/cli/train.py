"""`facenas train`: train an architecture."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from facenas.cli.common import Config, DataRoot, Device, Json, Run, Seed, Set, data_at, overrides, print_json, print_result
from facenas.words import percent

if TYPE_CHECKING:
    from facenas.api import TrainResult

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
    from facenas import api

    pretrained_at = {"timm.pretrained": "true"} if pretrained else {}
    changed = {"architecture": architecture, "num_classes": num_classes, **pretrained_at}
    given = overrides(assignments, **changed, seed=seed, device=device, **data_at(data_root))
    done = api.train(config, run=run, set=given, devices=devices, progress=True)
    if not done.metrics:  # another rank speaks
        return
    if as_json:
        print_json(plain(done))
        return
    loss, files = done.metrics["loss"], ", ".join(map(str, done.files))
    print_result(f"trained {done.settings.epochs} epochs, loss {loss:.3f}{validated(done.metrics)} -> {files}")


def plain(done: "TrainResult") -> dict[str, Any]:
    """The result of a training as JSON values."""
    blueprint = done.blueprint
    return {
        "run": str(done.folder),
        "architecture": blueprint.architecture.model_dump(mode="json"),
        "identity": blueprint.architecture.identity,
        "parameters": blueprint.space.count_parameters(blueprint.architecture),
        "macs": blueprint.space.macs(blueprint.architecture),
        "epochs": done.settings.epochs,
        **done.metrics,
        "files": [str(file) for file in done.files],
    }


def validated(metrics: dict[str, float]) -> str:
    """A sentence on a network's validation accuracy, and on how little a few pairs tell."""
    from facenas.api.folding import in_words

    if "folds" in metrics:
        return f", of everybody; {in_words(metrics)}"
    if "validation_accuracy" not in metrics:
        return ""
    pairs, least = metrics.get("validation_pairs"), metrics.get("validation_least_difference", 0)
    told = f" of {pairs:,.0f} pairs, which tell differences of {100 * least:.1f} points or more" if pairs else ""
    return f", validation {percent(metrics['validation_accuracy'])}{told}"
