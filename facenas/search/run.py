"""A search in a run folder, from its settings to the file that it finds."""

import shutil
from functools import cache
from pathlib import Path
from typing import Literal, Protocol

from pydantic import Field

from facenas.backbones import Architecture, Blueprint
from facenas.errors import RunError
from facenas.export import LatencyTable, Target
from facenas.files import write_json
from facenas.score import Evaluation, Score
from facenas.search.cache import ResultCache
from facenas.search.candidate import Candidate, Strategy
from facenas.search.evaluator import Evaluator, load_task, settle
from facenas.search.executors import Executor, InProcess, Processes, Watch
from facenas.search.journal import Journal
from facenas.search.pareto import pareto
from facenas.search.reading import open_journal
from facenas.search.row import NetworkCost, Row, StageEpoch
from facenas.search.runner import Runner, last_accepted
from facenas.search.settings import SearchSettings
from facenas.search.shared_weights import CHECKPOINT, KEPT, Stage, run_stage
from facenas.search.strategy import SharedWeightsSection
from facenas.section import Section
from facenas.training.models import FoundArchitecture
from facenas.training.provenance import same_data
from facenas.training.settings import seen_by
from facenas.training.tasks import Task

FAR_OVER = 2.0  # times the limit; on one thread sums of layers were 0.86 to 1.18 times the whole, on more they are at times far off


class ExecutionSettings(Section):
    """Where candidates are trained, and on how many workers; the result of a search does not depend on it."""

    storage: str | None = Field(None, description="SQLAlchemy URL of the journal; null: SQLite in the run's folder.")
    cache: Path | None = Field(None, description="Folder of results that several runs may share; null: the run's own.")
    executor: Literal["auto", "ray"] = Field("auto", description="auto: this process, or several of this machine.")
    workers: int = Field(1, ge=1, description="Candidates in training at once.")
    address: str | None = Field(None, description="Ray cluster; null: a local one.")
    gpus: float = Field(0, ge=0, description="GPUs of one candidate on Ray.")


class Onlooker(Protocol):
    """Whoever is told of what happens in a search."""

    def begun(self, task: Task) -> None:
        """The data of the search is loaded."""

    def planned(self, strategy: Strategy) -> None:
        """Candidates are about to be trained."""

    def watch(self, candidate: Candidate, epochs: float) -> None:
        """The training of a candidate has come so far.

        Args:
            candidate: The candidate in training.
            epochs: Epochs done, parts of one included.
        """

    def after_row(self, row: Row) -> None:
        """A row of the journal is decided, replayed or new."""

    def shared(self, epochs: float) -> None:
        """The training of shared weights has come so far."""

    def after_epoch(self, row: StageEpoch) -> None:
        """An epoch of shared weights has ended, replayed or new."""


class Prices:
    """The cost of networks. A latency is measured once on a machine, and then read from its table.

    A network whose layers together take far longer than the limit on one thread is refused by this sum; any other is measured as a whole.

    Args:
        settings: Settings of the search, with its space and limits.
        items: Number of items of the validation split, for the scores of refused candidates.
        table: Latencies of this machine; None: those in the user's cache.
    """

    def __init__(self, settings: SearchSettings, items: int, table: LatencyTable | None = None) -> None:
        self.space, self.limits, self.items = settings.space, settings.limits, items
        if self.limits.latency_ms is not None:
            self.table = table or LatencyTable(Target.of(self.limits.latency_target))
        self.price = cache(self._price)

    def _price(self, architecture: Architecture) -> NetworkCost:
        space, cost = self.space, self.space.cost(architecture)
        if self.limits.latency_ms is None or self.limits.excess(NetworkCost(*cost)):
            return NetworkCost(*cost)
        network, shape = space.build(architecture), (space.in_channels, space.input_size, space.input_size)
        if space.chain and self.table.target.threads == 1:
            predicted = self.table.predicted(network, shape)
            if predicted > FAR_OVER * self.limits.latency_ms:
                return NetworkCost(*cost, predicted, latency_predicted=True)
        content = Blueprint(architecture=architecture, space=space).model_dump_json()
        return NetworkCost(*cost, self.table.whole(network, shape=shape, content=content))

    def refuse(self, candidate: Candidate) -> Evaluation | None:
        """A result without training for a candidate over a limit."""
        excess = self.limits.excess(self.price(candidate.architecture))
        if not excess:
            return None
        score = Score(correct=0, total=self.items, refused=True)
        return Evaluation(score=score, history=(), seconds=0.0, device="none", remark=excess)


def search_in(run: Path, settings: SearchSettings, means: ExecutionSettings, onlooker: Onlooker) -> FoundArchitecture:
    """Run or continue a search; hold `locked(run)` meanwhile.

    Args:
        run: Folder of the run; `architecture.json` and `pareto.json` are written into it at the end.
        settings: Settings of the search, with a number of threads.
        means: Where candidates are trained, and on how many workers.
        onlooker: Told of everything that happens.
    """
    load_task.cache_clear()  # what lies there now
    task, measured = load_task(settings), settings.limits.latency_ms is not None
    same_data(run, task.data)
    journal, checkpoints = Journal(run, means.storage, settings.warnings(), latency=measured), run / "checkpoints"
    checkpoints.mkdir(exist_ok=True)
    evaluator = Evaluator.of(settings, checkpoints.resolve())
    onlooker.begun(task)
    prices = Prices(settings, task.validation_items)
    strategy = settings.build_strategy(_shortlist(run, settings, journal, onlooker))
    onlooker.planned(strategy)
    executor = _executor(evaluator, means, onlooker.watch)
    try:
        architecture = Runner(
            strategy=strategy,
            journal=journal,
            executor=executor,
            results=ResultCache(means.cache or run / "cache"),
            key=evaluator.key,
            price=prices.price,
            refuse=prices.refuse,
            budget=settings.budget,
            after_row=onlooker.after_row,
        ).run()
    finally:
        executor.close()
    shutil.rmtree(checkpoints)
    return _written(run, architecture, settings, task=task, rows=journal.rows())


def finish_in(run: Path, settings: SearchSettings) -> tuple[FoundArchitecture, list[Row]]:
    """Take what a search has found so far, whether it runs or has ended early: the last accepted architecture, and the rows.

    Args:
        run: Folder of the run; `architecture.json` and `pareto.json` are written into it, as at the end, and the search may go on.
        settings: Settings of the run.

    Raises:
        RunError: If nothing was found yet.
    """
    journal = open_journal(run)
    rows, epochs = journal.rows(), journal.epochs()
    likeliest = epochs.rows()[-1].facts.get("likeliest") if epochs and epochs.rows() else None
    architecture = last_accepted(rows) if not likeliest or rows else Architecture.model_validate(likeliest)
    if architecture is None:
        raise RunError(f"{run} has accepted no candidate yet; let `facenas search` go on first")
    load_task.cache_clear()  # what lies there now
    task = load_task(settings)
    same_data(run, task.data)
    return _written(run, architecture, settings, task=task, rows=rows), rows


def _written(run: Path, architecture: Architecture, settings: SearchSettings, *, task: Task, rows: list[Row]) -> FoundArchitecture:
    found = FoundArchitecture(
        architecture=architecture, space=settings.space, seen=seen_by(task), searched_on=tuple(one.brief for one in task.data)
    )
    found.save(run / "architecture.json")
    write_json(run / "pareto.json", pareto(rows))
    return found


def _shortlist(run: Path, settings: SearchSettings, journal: Journal, onlooker: Onlooker) -> list[Architecture]:
    """What a first stage with shared weights finds; nothing without one."""
    strategy = settings.strategy
    if not isinstance(strategy, SharedWeightsSection):
        return []

    def stage() -> Stage:
        settle(settings)
        return strategy.stage(settings, load_task(settings))

    return run_stage(
        stage, journal.stage(), checkpoint=run / "checkpoints" / CHECKPOINT, kept=run / "cache" / KEPT,
        after_epoch=onlooker.after_epoch, progress=onlooker.shared,
    )  # fmt: skip


def _executor(evaluator: Evaluator, means: ExecutionSettings, watch: Watch) -> Executor:
    if means.executor == "ray":
        from facenas.search.on_ray import OnRay

        threads = evaluator.settings.threads or 1
        return OnRay(evaluator, means.workers, watch, address=means.address, threads=threads, gpus=means.gpus)
    return InProcess(evaluator, watch) if means.workers == 1 else Processes(evaluator, means.workers, watch)
