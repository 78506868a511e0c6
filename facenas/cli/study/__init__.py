"""`facenas study`: the paper's studies of the search itself, with seeds and spread."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from facenas.cli.common import Config, Device, Json, Run, Set, print_json, print_result
from facenas.cli.search import Cache, Workers

Seeds = Annotated[list[int], typer.Option("--seed", help="Seed of the study instead of the preset's; may be repeated.")]

study = typer.Typer(help="Repeat the paper's studies of the search itself.", no_args_is_help=True)


@study.command("ranking")
def ranking(
    config: Config = "ranking",
    assignments: Set = [],
    run: Run = None,
    seeds: Seeds = [],
    device: Device = None,
    workers: Workers = 1,
    cache: Cache = None,
    as_json: Json = False,
) -> None:
    """Do networks rank early as they rank in the end? Spearman's correlations of static, dynamic and size rankings with the final one.

    Example: facenas study ranking --run runs/ranking --workers 2
    """
    _study("ranking", config, assignments, run=run, seeds=seeds, device=device, workers=workers, cache=cache, as_json=as_json)


@study.command("random")
def random(
    config: Config = "random",
    assignments: Set = [],
    run: Run = None,
    seeds: Seeds = [],
    device: Device = None,
    workers: Workers = 1,
    cache: Cache = None,
    as_json: Json = False,
) -> None:
    """Is what a search finds better than random architectures trained alike? The relative improvement RI, over seeds.

    Example: facenas study random --run runs/random --seed 0 --seed 1
    """
    _study("random", config, assignments, run=run, seeds=seeds, device=device, workers=workers, cache=cache, as_json=as_json)


@study.command("initialisation")
def initialisation(
    config: Config = "initialisation",
    assignments: Set = [],
    run: Run = None,
    seeds: Seeds = [],
    device: Device = None,
    workers: Workers = 1,
    cache: Cache = None,
    as_json: Json = False,
) -> None:
    """Where should a search start? Accuracy and parameters of what it finds from separable or plain, 3x3 or 7x7 convolutions.

    Example: facenas study initialisation --set subsets=3 --run runs/initialisation
    """
    _study("initialisation", config, assignments, run=run, seeds=seeds, device=device, workers=workers, cache=cache, as_json=as_json)


@study.command("reward")
def reward(
    config: Config = "reward",
    assignments: Set = [],
    run: Run = None,
    seeds: Seeds = [],
    device: Device = None,
    workers: Workers = 1,
    cache: Cache = None,
    as_json: Json = False,
) -> None:
    """How rough are the gradients of operators and of skips, and which reward has each? As in figure 1 of NAR.

    Example: facenas study reward --run runs/reward --seed 0 --seed 1
    """
    _study("reward", config, assignments, run=run, seeds=seeds, device=device, workers=workers, cache=cache, as_json=as_json)


@study.command("overfitting")
def overfitting(
    config: Config = "overfitting",
    assignments: Set = [],
    run: Run = None,
    seeds: Seeds = [],
    device: Device = None,
    workers: Workers = 1,
    cache: Cache = None,
    as_json: Json = False,
) -> None:
    """Is a searched network ahead of the hand-made one on its own task, and behind on another? As in table 1 of NAR.

    Example: facenas study overfitting --run runs/overfitting --workers 2
    """
    _study("overfitting", config, assignments, run=run, seeds=seeds, device=device, workers=workers, cache=cache, as_json=as_json)


def _study(name: str, config: str, assignments: list[str], *, as_json: bool, **options: Any) -> None:
    """Run a study, and print what it has measured."""
    from facenas import api

    done = api.study(name, config, set=assignments, progress=True, **options)
    if as_json:
        print_json(done.plain)
        return
    from facenas.cli.study import tables

    shown: Callable[[Any], object] = getattr(tables, name)
    print_result(shown(done.result))
    print_result(", ".join(map(str, done.files)))
