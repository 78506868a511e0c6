"""`facenas search`: find an architecture."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from facenas.cli.common import Config, DataRoot, Device, Json, Run, Seed, Set, data_at, overrides, print_json, print_result
from facenas.words import millions

if TYPE_CHECKING:
    from facenas.api import SearchResult

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
    from facenas import api

    folder = run or Path("runs") / f"search-{Path(config).stem}"
    if finish:
        tell(api.finish_search(folder, set=overrides(assignments, **data_at(data_root)), progress=True), as_json=as_json)
        return
    refined = "refined" if base else None
    short = {"strategy.name": strategy, "space.name": refined, "space.base": base, "strategy.pretrain_epochs": pretrain_epochs}
    limits = {"limits.latency_ms": max_latency_ms, "limits.latency_target": latency_target}
    given = overrides([*overrides([], **short), *assignments], seed=seed, device=device, **data_at(data_root), **limits)
    result = api.search(
        config,
        run=folder,
        set=given,
        new=new,
        workers=workers,
        per_gpu=per_gpu,
        storage=storage,
        cache=cache,
        executor=executor,
        address=address,
        gpus=gpus,
        progress=True,
    )
    tell(result, as_json=as_json)


def plain(done: "SearchResult") -> dict[str, Any]:
    """The result of a search as JSON values."""
    found = done.found
    return {
        "run": str(done.folder),
        "architecture": found.architecture.model_dump(mode="json"),
        "identity": found.architecture.identity,
        "parameters": found.space.count_parameters(found.architecture),
        "macs": found.space.macs(found.architecture),
        "candidates": len(done.rows),
        "epochs": done.epochs,
        "seconds": done.seconds,
        "warnings": done.settings.warnings(),
        "file": str(done.file),
    }


def tell(done: "SearchResult", *, as_json: bool) -> None:
    """Print the result of a search."""
    from facenas.cli.rows import table

    if as_json:
        print_json(plain(done))
        return
    size = millions(done.found.space.count_parameters(done.architecture))
    print_result(table(done.rows))
    print_result(
        f"found depth {done.architecture.depth}, width {done.architecture.width}, {size} parameters, "
        f"after {len(done.rows)} candidates and {done.seconds:.0f} s -> {done.file}"
    )
