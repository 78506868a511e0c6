"""`facenas search`: find an architecture."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from facenas.cli.common import (
    Config,
    Device,
    Json,
    Run,
    Seed,
    Set,
    millions,
    open_run,
    overrides,
    percent,
    print_json,
    print_result,
    progress_bars,
    remark,
)
from facenas.files import write_json
from facenas.settings import load

if TYPE_CHECKING:
    from facenas.search import Candidate, Row, SearchSettings
    from facenas.training.checkpoint import Found
    from facenas.training.fit import Evaluation


def search(
    config: Config = "quickstart",
    assignments: Set = [],
    run: Run = None,
    seed: Seed = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Search an architecture; a run that was interrupted goes on where it stopped.

    Example: facenas search --config quickstart --set strategy.max_depth=14 --run runs/orl
    """
    from facenas.search import SearchSettings, read_journal

    settings = load(SearchSettings, command="search", preset=config, overrides=overrides(assignments, seed=seed, device=device))
    folder = run or Path("runs") / f"search-{Path(config).stem}"
    open_run(folder, settings)
    found = run_in(folder, settings)
    rows = read_journal(folder)
    write_json(folder / "architecture.json", found.model_dump(mode="json"))
    result: dict[str, Any] = {
        "run": str(folder),
        "architecture": found.architecture.model_dump(mode="json"),
        "identity": found.architecture.identity,
        "parameters": found.space.count_parameters(found.architecture),
        "macs": found.space.macs(found.architecture),
        "candidates": len(rows),
        "epochs": sum(row.candidate.epochs for row in rows),
        "seconds": sum(row.evaluation.seconds for row in rows),
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


def run_in(folder: Path, settings: "SearchSettings") -> "Found":
    """Run or continue the search of a folder, with progress bars."""
    from facenas.backbones import Blueprint
    from facenas.search import Journal, forecast, run_search
    from facenas.training.checkpoint import Found
    from facenas.training.device import derive_seed
    from facenas.training.fit import evaluate
    from facenas.training.settings import seen_by

    task, strategy, journal = settings.task(settings.space), settings.build_strategy(), Journal(folder)
    content = settings.model_dump(mode="json", exclude={"strategy", "device"})
    with progress_bars() as progress:
        whole, current = progress.add_task("search (epochs, at most)"), progress.add_task("candidate", total=1)

        def announce(rows: "list[Row]") -> None:
            done = sum(row.candidate.epochs for row in rows)
            ahead = sum(candidate.epochs for candidate in forecast(strategy, rows))
            progress.update(whole, completed=done, total=done + ahead)

        def score(candidate: "Candidate", step: int) -> "Evaluation":
            architecture, done = candidate.architecture, sum(row.candidate.epochs for row in journal.rows())
            label = f"{step + 1}. {candidate.phase}: depth {architecture.depth}, width {architecture.width}"
            progress.update(current, description=label, completed=0, total=candidate.epochs)

            def advance(epochs: float) -> None:
                progress.update(current, completed=int(epochs))
                progress.update(whole, completed=int(done + epochs))

            return evaluate(
                task,
                Blueprint(architecture=architecture, space=settings.space),
                recipe=settings.recipe,
                epochs=candidate.epochs,
                seed=derive_seed(architecture.model_dump(mode="json"), candidate.epochs, content),
                device=settings.device,
                after_step=advance,
            )

        def report(row: "Row") -> None:
            announce(journal.rows())
            remark(line(row))

        announce(journal.rows())
        blueprint = run_search(strategy, score, journal, space=settings.space, after_row=report)
    return Found(architecture=blueprint.architecture, space=blueprint.space, seen=seen_by(task))


def line(row: "Row") -> str:
    """One row of the journal as a sentence."""
    architecture, score = row.candidate.architecture, row.evaluation.score
    diverged = ", diverged" if row.evaluation.diverged else ""
    return (
        f"{row.step + 1:3d}. {row.candidate.phase:10s} "
        f"depth {architecture.depth:3d} width {architecture.width:3d} {row.candidate.epochs:3d} epochs "
        f"{millions(row.parameters):>8s} -> {percent(float(score.accuracy))}{diverged}  {row.verdict.outcome}: {row.verdict.reason}"
    )


def table(rows: "list[Row]") -> Table:
    """The journal as a table."""
    result = Table("step", "phase", "depth", "width", "changed", "epochs", "parameters", "score", "verdict", title="candidates")
    for row in rows:
        architecture, score = row.candidate.architecture, row.evaluation.score
        usual = max(set(architecture.operations), key=architecture.operations.count)
        changed = sum(kind != usual or kernel != 3 for kind, kernel in zip(architecture.operations, architecture.kernels, strict=True))
        result.add_row(
            str(row.step + 1),
            row.candidate.phase,
            str(architecture.depth),
            str(architecture.width),
            str(changed),
            str(row.candidate.epochs),
            millions(row.parameters),
            f"{score.correct} / {score.total} = {percent(float(score.accuracy))}",
            row.verdict.outcome,
        )
    return result
