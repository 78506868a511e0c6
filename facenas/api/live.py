"""What a running search shows: a line for every decision, and below them what is going on now."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import accumulate, takewhile

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from facenas.api.progress import console, shown
from facenas.search import Candidate, Row, SearchSettings, Strategy, forecast
from facenas.search.bounds import Bounds
from facenas.search.row import StageEpoch
from facenas.training.device import make_fabric
from facenas.training.tasks import ClassTask, FaceTask, Task
from facenas.words import millions, percent

logger = logging.getLogger("facenas")
QUIET_SECONDS = 60.0  # without a terminal, where nothing else was said for so long
STALE_SECONDS = 60.0  # a candidate that has been given up is shown no longer


class Watcher:
    """Follows a search; a table that renews itself where there is a terminal, plain lines elsewhere.

    Args:
        settings: Settings of the search.
        workers: Candidates in training at once.
        told: Name of the search, for people.
    """

    def __init__(self, settings: SearchSettings, workers: int, told: str = "search") -> None:
        self.settings, self.workers, self.told = settings, workers, told
        self._said = time.monotonic()
        self._mixed = False
        self.strategy: Strategy | None = None
        self.rows: list[Row] = []
        self.epochs: list[StageEpoch] = []
        self.sharing: float | None = None
        self.ahead: list[Candidate] = []
        self.training: dict[Candidate, tuple[float, float]] = {}
        self._live: Live | None = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the table as long as this context lasts."""
        if not (shown() and console().is_terminal):
            yield
            return
        with Live(console=console(), get_renderable=self.picture, refresh_per_second=4, transient=True) as self._live:
            yield

    def begun(self, task: Task) -> None:
        """The data of the search is loaded; where there is no terminal to watch on, a line says what will happen."""
        if not self._live:
            self._say(f"{self.told}: {start_line(self.settings, task, self.workers)}")

    def planned(self, strategy: Strategy) -> None:
        """Candidates are about to be trained."""
        self.strategy, self.sharing = strategy, None
        self.ahead = self._forecast() if self._live or self.settings.strategy.ends else []  # it costs some time
        if not self._live:
            most = len(self.ahead) or self.settings.budget.trials
            self._say(
                f"{self.told}: " + (f"at most {most} candidate{'s' * (most != 1)}" if most else "candidates until the budget is spent")
            )

    def shared(self, epochs: float) -> None:
        """The training of shared weights has come so far."""
        self.sharing = epochs
        self._now(f"shared weights: {epochs:.1f} of {self.settings.strategy.model_dump()['epochs']} epochs")

    def _say(self, text: str) -> None:
        self._said = time.monotonic()
        logger.info("%s", text)

    def _now(self, text: str) -> None:
        """A line a minute for log files."""
        if not self._live and time.monotonic() - self._said > QUIET_SECONDS:
            best = self.summary().get("best so far")
            self._say(text + (f"; best so far {best}" if best else ""))

    def after_epoch(self, row: StageEpoch) -> None:
        """An epoch of shared weights has ended: a line tells of it."""
        self.epochs.append(row)
        self._say(stage_line(row))

    def watch(self, candidate: Candidate, epochs: float) -> None:
        """The training of a candidate has come so far.

        Args:
            candidate: The candidate in training.
            epochs: Epochs done, parts of one included.
        """
        self.training[candidate] = (epochs, time.monotonic())
        shape = f"depth {candidate.architecture.depth} width {candidate.architecture.width}"
        self._now(f"     {candidate.phase:10s} {shape}: {epochs:.1f} of {candidate.epochs} epochs")

    def after_row(self, row: Row) -> None:
        """A row of the journal is decided: a line tells of it."""
        self.rows.append(row)
        self.training.pop(row.candidate, None)
        self._say(line(row))
        self._tell_mixture()
        if self._live:  # the forecast costs some time
            self.ahead = self._forecast()

    def _tell_mixture(self) -> None:
        """Once, if results come from processors of several kinds."""
        kinds = sorted({row.evaluation.processor for row in self.rows} - {""})
        if len(kinds) > 1 and not self._mixed:
            self._mixed = True
            self._say(f"processors of several kinds, whose sums differ in the last digits, train this search: {'; '.join(kinds)}")

    def picture(self) -> Group:
        """The table to show: candidates in training, best so far, cost and time left."""
        table = Table("in training", "parameters", "epochs", "", "", box=SIMPLE_HEAD)
        for candidate, (epochs, told) in self.training.items():
            if epochs < candidate.epochs and time.monotonic() - told < STALE_SECONDS:
                shape = f"{candidate.phase}: depth {candidate.architecture.depth}, width {candidate.architecture.width}"
                parameters = millions(self.settings.space.count_parameters(candidate.architecture))
                bar = ProgressBar(total=candidate.epochs, completed=epochs, width=30)
                table.add_row(
                    shape, parameters, f"{epochs:.1f} / {candidate.epochs}", bar, "" if candidate == self.head else "ahead of time"
                )
        if self.sharing is not None:
            epochs = self.settings.strategy.model_dump()["epochs"]
            bar = ProgressBar(total=epochs, completed=self.sharing, width=30)
            table.add_row("shared weights", "", f"{self.sharing:.1f} / {epochs}", bar, _left(self.epochs, self.sharing, epochs))
        summary = Table.grid(padding=(0, 2))
        for name, value in self.summary().items():
            summary.add_row(f" {name}", value)
        return Group(table if table.row_count else Text(" preparing ..."), summary)

    @property
    def head(self) -> Candidate | None:
        """The candidate that the strategy waits for."""
        return self.ahead[0] if self.ahead else None

    def summary(self) -> dict[str, str]:
        """Best so far, what it cost and what is still to come."""
        accepted = [row for row in self.rows if row.verdict.outcome == "accepted"]
        if not accepted:
            return {}
        best, epochs = accepted[-1], sum(row.candidate.epochs for row in self.rows if not row.evaluation.score.refused)
        shape = f"depth {best.candidate.architecture.depth}, width {best.candidate.architecture.width}, {millions(best.parameters)}"
        spent = timedelta(seconds=round(sum(row.evaluation.seconds for row in self.rows)))
        return {
            "best so far": f"{percent(float(best.evaluation.score.accuracy))} ({shape})",
            "cost": f"{len(self.rows)} candidates, {epochs} epochs, {spent} of training",
            "still to come": f"at most {len(self.ahead)} candidates, {timedelta(seconds=round(self.seconds_left()))}",
        }

    def seconds_left(self) -> float:
        """Time for the likely chain of candidates, at the pace so far; the search may well end earlier."""
        macs = self.settings.space.macs
        work = sum(row.candidate.epochs * row.macs for row in self.rows if row.evaluation.seconds)
        seconds = sum(row.evaluation.seconds for row in self.rows)
        left = sum(candidate.epochs * macs(candidate.architecture) for candidate in self.ahead)
        return left * seconds / work / self.workers if work else 0.0

    def _forecast(self) -> list[Candidate]:
        if self.strategy is None:
            return []
        budget, endless = self.settings.budget, not self.settings.strategy.ends
        most = min(budget.trials_left(self.rows), 100 if endless else 10_000)
        ahead = forecast(self.strategy, [row.evaluation.score for row in self.rows], most)
        if budget.epochs is None:
            return ahead
        left = budget.epochs - sum(row.candidate.epochs for row in self.rows)
        return ahead[: len(list(takewhile(lambda done: done < left, accumulate((one.epochs for one in ahead), initial=0))))]


def start_line(settings: SearchSettings, task: Task, workers: int) -> str:
    """Data, space, strategy and place of a search, as a sentence.

    Args:
        settings: Settings of the search.
        task: Data of the search.
        workers: Candidates in training at once.
    """
    if isinstance(task, FaceTask):
        images, questions = f"{len(task.train):,} photographs of {len(task.train.names)} people", "pairs"
    else:
        assert isinstance(task, ClassTask)
        images, questions = f"{len(task.images):,} images", "images"
    bounds = [f"{name} {low} to {high}" for name, low, high in _bounds(settings)]
    where = make_fabric(settings.device, settings.recipe.precision).device.type
    threads = f", {settings.threads} thread{'s' * (settings.threads != 1)} each" if settings.threads and where == "cpu" else ""
    return (
        f"{settings.strategy.name} in the space {settings.space.name}{''.join(f', {one}' for one in bounds)}; "
        f"{images} of {settings.data.name} to train on, scored on {task.validation_items:,} held-out {questions}; "
        f"{workers} worker{'s' * (workers != 1)} on {where}{threads}"
    )


def _bounds(settings: SearchSettings) -> list[tuple[str, int, int]]:
    strategy = settings.strategy
    if not isinstance(strategy, Bounds) or settings.space.one_size:
        return []
    return [("depth", strategy.min_depth, strategy.max_depth), ("width", strategy.min_width, strategy.max_width)]


def stage_line(row: StageEpoch) -> str:
    """An epoch of shared weights as a sentence."""
    plain = [f"{name} {value:.4g}" for name, value in row.facts.items() if isinstance(value, int | float) and name != "accuracy"]
    told = [*plain, *(f"skips {'+'.join(map(str, row.facts[name]))}" for name in row.facts if name == "skips"), row.facts.get("remark")]
    return f"shared weights, epoch {row.number}: paths {percent(row.facts['accuracy'])}" + "".join(f", {fact}" for fact in told if fact)


def _left(epochs: Sequence[StageEpoch], done: float, of: int) -> str:
    """Time left of the stage, at the pace so far."""
    pace = sum(row.seconds for row in epochs) / len(epochs) if epochs else 0
    return f"{timedelta(seconds=round(pace * (of - done)))} left" if pace else ""


def line(row: Row) -> str:
    """One row of the journal as a sentence."""
    architecture, score = row.candidate.architecture, row.evaluation.score
    result = "refused" if score.refused else "diverged" if row.evaluation.diverged else percent(float(score.accuracy))
    return (
        f"{row.step + 1:3d}. {row.candidate.phase:10s} depth {architecture.depth:3d} width {architecture.width:3d} "
        f"{row.candidate.epochs:3d} epochs {millions(row.parameters):>8s} -> {result}  {row.verdict.outcome}: {row.verdict.reason}"
    )
