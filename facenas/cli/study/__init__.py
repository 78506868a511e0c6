"""`facenas study`: the paper's studies of the search itself, with seeds and spread."""

from pathlib import Path
from typing import Annotated

import typer

from facenas.cli.common import Config, Device, Json, Run, Set
from facenas.cli.search import Cache, Workers
from facenas.cli.study.lab import open_lab

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
    from facenas.cli.study import pictures, tables
    from facenas.search import studies

    lab = open_lab(
        "ranking", studies.RankingSettings,
        config=config, assignments=assignments, run=run, seeds=seeds, device=device, workers=workers, cache=cache,
    )  # fmt: skip
    _, rows = lab.search("networks", lab.settings.networks())
    lab.publish(studies.ranking(rows, lab.settings), table=tables.ranking, picture=pictures.ranking, as_json=as_json)


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
    from facenas.cli.study import pictures, tables
    from facenas.search import studies

    lab = open_lab(
        "random", studies.RandomSettings,
        config=config, assignments=assignments, run=run, seeds=seeds, device=device, workers=workers, cache=cache,
    )  # fmt: skip
    measured = []
    for seed in lab.settings.seeds:
        found, _ = lab.search(f"search-{seed}", lab.settings.searched(seed))
        _, rows = lab.search(f"compared-{seed}", lab.settings.compared(seed, found))
        measured.append(studies.improvement(rows, seed=seed))
    lab.publish(studies.random_baseline(measured), table=tables.random, picture=pictures.random, as_json=as_json)


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
    from facenas.cli.study import pictures, tables
    from facenas.search import studies

    lab = open_lab(
        "initialisation", studies.InitialisationSettings,
        config=config, assignments=assignments, run=run, seeds=seeds, device=device, workers=workers, cache=cache,
    )  # fmt: skip
    trained = {}
    for subset in lab.settings.all_subsets():
        below = Path(subset.name)
        found = [lab.search(f"{below / name}", lab.settings.searched(subset, start))[0] for name, start in studies.STARTS.items()]
        _, trained[subset] = lab.search(f"{below / 'compared'}", lab.settings.compared(subset, found))
    lab.publish(studies.initialisation(trained), table=tables.initialisation, picture=pictures.initialisation, as_json=as_json)


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
    from facenas.cli.study import pictures, tables
    from facenas.search import studies

    lab = open_lab(
        "reward", studies.RewardSettings,
        config=config, assignments=assignments, run=run, seeds=seeds, device=device, workers=workers, cache=cache,
    )  # fmt: skip
    measured = []
    for seed in lab.settings.seeds:
        lab.search(f"search-{seed}", lab.settings.searched(seed))
        measured.append(studies.rewards(lab.epochs(f"search-{seed}")))
    lab.publish(studies.reward_study(measured), table=tables.reward, picture=pictures.reward, as_json=as_json)


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
    from facenas.cli.study import pictures, tables
    from facenas.search import studies

    lab = open_lab(
        "overfitting", studies.OverfittingSettings,
        config=config, assignments=assignments, run=run, seeds=seeds, device=device, workers=workers, cache=cache,
    )  # fmt: skip
    measured = []
    for seed in lab.settings.seeds:
        found, _ = lab.search(f"search-{seed}", lab.settings.searched(seed))
        tasks = zip(("a", "b"), lab.settings.trained(seed, found), strict=True)
        first, second = (studies.pair(lab.search(f"task-{name}-{seed}", settings)[1]) for name, settings in tasks)
        measured.append((first, second))
    lab.publish(studies.overfitting(measured), table=tables.overfitting, picture=pictures.overfitting, as_json=as_json)
