"""A search that is killed, again and again, ends like one that was left alone; so does one on several workers."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import psutil
import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from facenas import cli
from facenas.search import read_journal
from facenas.training import keeper
from tests.conftest import rows_so_far, stage_rows

Command = Callable[..., Any]
FEW = "data={name: synthetic, people: 12, photographs: 4, test_people: 2}"
SEARCH = ["search", "--config", "smoke", "--json", "--set", "strategy.micro_epochs=2", "--set", FEW]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The uninterrupted run on one worker."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert cli.run([*SEARCH, "--run", str(folder)]) == 0
    return folder


def timeless(run: Path) -> list[dict[str, Any]]:
    return [{**row.plain(), "seconds": 0, "answers": row.evaluation.score.answers} for row in read_journal(run)]


def assert_same(run: Path, whole: Path) -> None:
    assert timeless(run) == timeless(whole)
    assert (run / "architecture.json").read_bytes() == (whole / "architecture.json").read_bytes()
    assert json.loads((run / "pareto.json").read_text()) == json.loads((whole / "pareto.json").read_text())


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Countdown:
    """Kills this process when it is called for the n-th time."""

    def __init__(self, calls: int) -> None:
        self.calls = calls

    def __call__(self, *_: object) -> None:
        self.calls -= 1
        if self.calls == 0:
            die()


def search_and_die(run: str, log: str, moment: str, after: int, search: Sequence[str] = SEARCH) -> None:
    """Search until the n-th moment of a kind, and be killed there; every finished epoch is written to `log`."""
    bomb = Countdown(after)
    replace, write_bytes, save = Path.replace, Path.write_bytes, keeper.save_checkpoint

    def half(self: Path, data: bytes) -> int:
        if moment == "in a write" and bomb.calls == 1:
            write_bytes(self, data[: len(data) // 2])
        if moment == "in a write":
            bomb()
        return write_bytes(self, data)

    def renamed(self: Path, target: Path) -> Path:
        if moment == "before a rename":
            bomb()
        result = replace(self, target)
        if moment == "after a rename":
            bomb()
        return result

    def noted(path: Path, *arguments: Any) -> None:
        save(path, *arguments)
        with Path(log).open("a") as file:
            file.write(f"{path.stem} {arguments[0].epoch}\n")

    Path.write_bytes, Path.replace, keeper.save_checkpoint = half, renamed, noted  # type: ignore[method-assign,assignment]
    if moment in ("before_commit", "after_commit"):
        event.listen(Session, moment, bomb)
    if moment == "after seconds":
        signal.signal(signal.SIGALRM, lambda *_: die())
        signal.setitimer(signal.ITIMER_REAL, after / 10)
    sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
    sys.exit(cli.run([*search, "--run", run]))


MOMENTS = ["in a write", "before a rename", "after a rename", "before_commit", "after_commit", "after seconds"]


@pytest.mark.slow
def test_killed_at_twenty_instants_it_ends_as_if_it_had_not_been(whole: Path, tmp_path: Path) -> None:
    """Between and within writes, renames, commits, and anywhere in training; no finished epoch is trained again."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.cli.test_survival"])
    rng, run, log, kills = Random(0), tmp_path / "run", tmp_path / "log", 0
    while kills < 20:
        moment = rng.choice(MOMENTS) if kills >= len(MOMENTS) else MOMENTS[kills]
        process = context.Process(target=search_and_die, args=(str(run), str(log), moment, rng.randint(1, 3)))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL, f"the search ended, with {process.exitcode}, after {kills} kills"
        kills += 1
    between = read_journal(run)
    process = context.Process(target=search_and_die, args=(str(run), str(log), "never", 1))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert_same(run, whole)
    assert read_journal(run)[: len(between)] == between
    epochs = log.read_text().splitlines()
    assert len(epochs) == len(set(epochs))
    assert len(epochs) >= sum(row.candidate.epochs for row in read_journal(run)) - kills  # some died between checkpoint and log
    assert not list(run.rglob("*.pt"))


SHARED = {
    "nar": (
        "space={name: refined, base: ir18, width: 8, input_size: 32, embedding_size: 16, output: gdc}",
        "strategy={name: nar, epochs: 3, pretrain_epochs: 1, samples: 3, shortlist: 2, retrain_epochs: 1, "
        "controller: {hidden: 8, lr: 0.01, steps: 2, samples: 2}}",
        "data={name: synthetic, people: 12, photographs: 6, test_people: 2}",
    ),
    "allegro": (
        "space={name: cells, shape: ir, depth: 5, channels: 8, input_size: 32, embedding_size: 16, output: gdc}",
        "strategy={name: allegro, epochs: 3, chi_epochs: 2, cells: 5, channels: 4, eigenvalue_iterations: 1, retrain_epochs: 1}",
        FEW,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("strategy", SHARED)
def test_killed_while_it_trains_shared_weights_it_ends_as_if_it_had_not_been(strategy: str, tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.cli.test_survival"])
    search = [*SEARCH[:4], "--set", "threads=1", *(part for one in SHARED[strategy] for part in ("--set", one))]
    accidents = [("in a write", 2), ("before a rename", 2), ("after a rename", 2), ("after_commit", 3)]
    runs = {"whole": [("never", 1)], "killed": [*accidents, ("never", 1)]}
    for name, moments in runs.items():
        for moment, after in moments:
            process = context.Process(target=search_and_die, args=(str(tmp_path / name), str(tmp_path / "log"), moment, after, search))
            process.start()
            process.join()
            assert process.exitcode == (0 if moment == "never" else -signal.SIGKILL)
    assert_same(tmp_path / "killed", tmp_path / "whole")
    whole, killed = ([(row.number, row.facts) for row in stage_rows(tmp_path / name)] for name in runs)
    assert killed == whole and len(whole) == 3


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes by their parent")
def test_killed_workers_and_a_killed_parent_change_nothing_but_the_time(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "facenas", *SEARCH, "--run", str(run), "--workers", "2"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wait_for(lambda: len(workers_of(process)) == 2 and rows_so_far(run) >= 2, process)
    os.kill(workers_of(process)[0], signal.SIGKILL)
    rows = rows_so_far(run)
    wait_for(lambda: rows_so_far(run) > rows + 1, process)
    orphans = workers_of(process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in orphans))
    assert rows < len(read_journal(run)) < len(read_journal(whole))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert_same(run, whole)


def workers_of(process: subprocess.Popen[bytes]) -> list[int]:
    """Processes below the server that forks them."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
        return sorted(child.pid for child in children if child.ppid() != process.pid)
    except psutil.NoSuchProcess:
        return []


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes] | None = None) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "waited for too long"
        assert process is None or process.poll() is None, "the search ended too early"
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.extra("ray")
def test_two_workers_on_ray_one_of_them_killed_give_the_serial_journal(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "facenas", *SEARCH, "--run", str(run), "--workers", "2", "--executor", "ray"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wait_for(lambda: bool(ray_tasks(process)) and rows_so_far(run) >= 2, process)
    os.kill(ray_tasks(process)[0], signal.SIGKILL)
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    assert_same(run, whole)


def ray_tasks(process: subprocess.Popen[bytes]) -> list[int]:
    """Ray's processes with a candidate in training."""
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        with suppress(psutil.Error):
            if child.cmdline()[:1] == ["ray::_train"]:
                found.append(child.pid)
    return found


def test_a_second_run_takes_results_from_a_shared_cache(whole: Path, facenas: Command) -> None:
    """The other run is started over beside the first, and trains nothing: the seconds are those of the first."""
    shared = ["--cache", str(whole / "cache")]
    first = facenas(*SEARCH, "--run", "r", *shared).json
    second = facenas(*SEARCH, "--run", "r", "--new", *shared).json
    assert (first["run"], second["run"]) == ("r", "r-2")
    for run in ("r", "r-2"):
        assert read_journal(Path(run)) == read_journal(whole)
        assert not (Path(run) / "cache").exists()
