"""`facenas search`: find an architecture."""

import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from facenas.cli.common import (
    PLACES,
    Config,
    DataRoot,
    Device,
    Json,
    Run,
    Seed,
    Set,
    data_at,
    millions,
    open_run,
    overrides,
    print_json,
    print_result,
    remark,
    settings_before,
    settings_kept,
)
from facenas.errors import RunError, SettingsError, StoppedError

if TYPE_CHECKING:
    from facenas.search import Row, SearchSettings
    from facenas.search.run import Means
    from facenas.training.models import Found

Strategy = Annotated[
    str | None,
    typer.Option(
        "--strategy",
        help="Search algorithm, with its defaults: short for --set strategy.name=NAME. There are: {strategies}.",
    ),
]
Base = Annotated[str | None, typer.Option("--base", help="Refine this network: short for --set space.name=refined --set space.base=NAME.")]
Pretrain = Annotated[
    int | None, typer.Option("--pretrain-epochs", min=0, help="Epochs of random paths first: short for --set strategy.pretrain_epochs=N.")
]
New = Annotated[bool, typer.Option("--new", help="Start over in a new folder beside --run instead of going on.")]
Finish = Annotated[
    bool,
    typer.Option("--finish", help="Take what the search in --run has found so far, whether it runs or has ended early, and train nothing."),
]
Storage = Annotated[str | None, typer.Option("--storage", help="Journal in this database, for example postgresql://USER@HOST/NAME.")]
Cache = Annotated[Path | None, typer.Option("--cache", help="Folder of results that runs share by content.")]
Workers = Annotated[int, typer.Option("--workers", min=1, help="Candidates in training at once; the result is that of one worker.")]
PerGpu = Annotated[int | None, typer.Option("--per-gpu", min=1, help="Small candidates share a GPU: so many on each GPU of this machine.")]
Executor = Annotated[Literal["auto", "ray"], typer.Option("--executor", help="auto: processes of this machine; ray: a Ray cluster.")]
Address = Annotated[str | None, typer.Option("--address", help="Ray cluster, or auto; without it a local one is begun.")]
Gpus = Annotated[float, typer.Option("--gpus", min=0, help="GPUs of one candidate on Ray; 0.5: two share one.")]

MaxLatency = Annotated[
    float | None, typer.Option("--max-latency-ms", help="Longest time for one image; slower candidates are not trained.")
]
LatencyTarget = Annotated[
    str | None, typer.Option("--latency-target", help="What runs it: onnxruntime-cpu-Nthread(s), torch-cpu-Nthread(s) or torch-cuda.")
]


def search(
    config: Config = "quickstart",
    assignments: Set = [],
    strategy: Strategy = None,
    base: Base = None,
    pretrain_epochs: Pretrain = None,
    run: Run = None,
    new: New = False,
    finish: Finish = False,
    seed: Seed = None,
    device: Device = None,
    data_root: DataRoot = None,
    workers: Workers = 1,
    per_gpu: PerGpu = None,
    executor: Executor = "auto",
    address: Address = None,
    gpus: Gpus = 0,
    max_latency_ms: MaxLatency = None,
    latency_target: LatencyTarget = None,
    storage: Storage = None,
    cache: Cache = None,
    as_json: Json = False,
) -> None:
    """Search an architecture; a run that was interrupted goes on where it stopped.

    Example: facenas search --config quickstart --set strategy.max_depth=14 --run runs/orl --workers 2, or
    facenas search --strategy nar --base ir50
    """
    from facenas.search import SearchSettings
    from facenas.search.run import Means
    from facenas.settings import load

    folder = run or Path("runs") / f"search-{Path(config).stem}"
    if finish:
        places = [one for one in assignments if one.startswith(tuple(f"{place}=" for place in PLACES))]
        tell(folder, *finished(folder, overrides(places, **data_at(data_root))), as_json=as_json)
        return
    refined = "refined" if base else None
    short = {"strategy.name": strategy, "space.name": refined, "space.base": base, "strategy.pretrain_epochs": pretrain_epochs}
    limits = {"limits.latency_ms": max_latency_ms, "limits.latency_target": latency_target}
    given = overrides([*overrides([], **short), *assignments], seed=seed, device=device, **data_at(data_root), **limits)
    settings = load(SearchSettings, command="search", preset=config, overrides=given)
    workers, gpus = shared(per_gpu, workers, gpus)
    means = Means(storage=storage, cache=cache, executor=executor, workers=workers, address=address, gpus=gpus)
    folder = beside(folder) if new else folder
    settings = with_threads(settings, folder, workers)
    tell(folder, settings, *run_in(folder, settings, means), as_json=as_json)


def finished(folder: Path, places: list[str]) -> "tuple[SearchSettings, Found, list[Row]]":
    """What a search has found so far, with its settings, but for where its data lies now."""
    from facenas.search import SearchSettings, open_journal
    from facenas.search.run import finish_in
    from facenas.settings import load

    if settings_before(folder) is None:
        raise RunError(f"no search in {folder}; give its folder with --run")
    open_journal(folder)  # other runs have none
    settings = load(SearchSettings, command="search", preset=str(folder / "config.yaml"), overrides=places)
    return settings, *finish_in(folder, settings)


def tell(folder: Path, settings: "SearchSettings", found: "Found", rows: "list[Row]", *, as_json: bool) -> None:
    """Print what was found."""
    from facenas.cli.rows import table

    trained = [row for row in rows if not row.evaluation.score.refused]
    result: dict[str, Any] = {
        "run": str(folder),
        "architecture": found.architecture.model_dump(mode="json"),
        "identity": found.architecture.identity,
        "parameters": found.space.count_parameters(found.architecture),
        "macs": found.space.macs(found.architecture),
        "candidates": len(rows),
        "epochs": sum(row.candidate.epochs for row in trained),
        "seconds": sum(row.evaluation.seconds for row in rows),
        "warnings": settings.warnings(),
        "file": str(folder / "architecture.json"),
    }
    if as_json:
        print_json(result)
        return
    print_result(table(rows))
    print_result(
        f"found depth {found.architecture.depth}, width {found.architecture.width}, {millions(result['parameters'])} parameters, "
        f"after {len(rows)} candidates and {result['seconds']:.0f} s -> {result['file']}"
    )


def shared(per_gpu: int | None, workers: int, gpus: float) -> tuple[int, float]:
    """Workers, and the share of a GPU that each has, where candidates share the GPUs of this machine."""
    import torch

    if per_gpu is None:
        return workers, gpus
    if not torch.cuda.device_count():
        raise SettingsError("--per-gpu shares the GPUs of this machine, and torch sees none; --workers shares its cores")
    return per_gpu * torch.cuda.device_count(), 1 / per_gpu


def run_in(folder: Path, settings: "SearchSettings", means: "Means") -> "tuple[Found, list[Row]]":
    """Run or continue the search of a folder, and show it."""
    from facenas.cli.live import Watcher
    from facenas.search import locked
    from facenas.search.run import search_in

    watcher = Watcher(settings, means.workers, told=f"{folder} ({means.executor})" if means.executor != "auto" else str(folder))
    with locked(folder), ending(folder), settings_kept(folder):
        open_run(folder, settings, changeable=("budget",))
        for warning in settings.warnings():
            remark(f"[bold red]warning[/bold red]: {warning}")
        with watcher.shown():
            found = search_in(folder, settings, means, watcher)
    return found, watcher.rows


@contextmanager
def ending(folder: Path) -> Iterator[None]:
    """SIGTERM ends a search as Ctrl-C does: its workers are stopped, what is finished is on the disk, and how to go on is said."""
    told = list[int]()

    def hear(number: int, _: FrameType | None) -> None:
        told.append(number)
        raise KeyboardInterrupt

    here = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, hear) if here else None
    try:
        yield
    except KeyboardInterrupt:
        way = f"`{shlex.join(['facenas', 'search', '--finish', '--run', str(folder)])}` takes what is found so far"
        if told:
            raise StoppedError(f"stopped; every finished epoch is kept, run the same command to go on, or {way}") from None
        remark(way)
        raise
    finally:
        if here:
            signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def beside(folder: Path) -> Path:
    """The first of FOLDER-2, FOLDER-3 ... that does not exist; FOLDER itself if it does not."""
    if not folder.exists():
        return folder
    return next(other for number in count(2) if not (other := folder.with_name(f"{folder.name}-{number}")).exists())


def with_threads(settings: "SearchSettings", folder: Path, workers: int) -> "SearchSettings":
    """The number of threads of a candidate: what was set, else what the run began with, else the cores shared by the workers."""
    import torch

    if settings.threads:
        return settings
    threads = (settings_before(folder) or {}).get("threads")
    return settings.model_copy(update={"threads": threads or max(1, torch.get_num_threads() // workers)})
