"""The journal and the runner, with an evaluator that needs no training."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import optuna
import pytest

from facenas.backbones import Architecture, IRSpace
from facenas.errors import RunError
from facenas.search import (
    Candidate,
    DynamicRanking,
    InProcess,
    Journal,
    NetworkCost,
    ResultCache,
    Runner,
    Score,
    forecast,
    locked,
    read_journal,
)
from facenas.search.cache import content_key
from facenas.search.pareto import pareto
from facenas.training.device import derive_seed
from facenas.training.fit import Evaluation

SPACE = IRSpace(embedding_size=None, input_size=32)


def strategy(**changes: int) -> DynamicRanking:
    return DynamicRanking(SPACE, **{"max_depth": 14, "min_width": 8, "max_width": 12, "macro_epochs": 2} | changes)


class Evaluator:
    """Scores derived from the candidate's content; stops after a number of calls."""

    def __init__(self, stop_after: int = 10_000) -> None:
        self.stop_after, self.asked = stop_after, []  # type: ignore[var-annotated]

    def __call__(self, candidate: Candidate, progress: object = None) -> Evaluation:
        if len(self.asked) == self.stop_after:
            raise KeyboardInterrupt
        self.asked.append(candidate)
        correct = derive_seed(candidate.model_dump(mode="json")) % 100
        return Evaluation(score=Score(correct=correct, total=100), history=(), seconds=1.5, device="cpu")


def search(run: Path, evaluator: Evaluator, storage: str | None = None, **changes: int) -> Architecture:
    """A serial search in a folder."""
    return Runner(
        strategy(**changes), Journal(run, storage), InProcess(evaluator), ResultCache(run / "cache"), candidate_key,
        lambda architecture: NetworkCost(*SPACE.cost(architecture)),
    ).run()  # fmt: skip


def candidate_key(candidate: Candidate) -> str:
    return content_key(candidate.architecture.model_dump(mode="json"), candidate.epochs)


@pytest.mark.parametrize("stop_after", [0, 1, 4, 9])
def test_resumed_run_equals_the_uninterrupted_one(tmp_path: Path, stop_after: int) -> None:
    whole = search(tmp_path / "whole", Evaluator())
    first, second = Evaluator(stop_after), Evaluator()
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "part", first)
    assert search(tmp_path / "part", second) == whole
    assert read_journal(tmp_path / "part") == read_journal(tmp_path / "whole")
    assert first.asked + second.asked == [row.candidate for row in read_journal(tmp_path / "whole")]


def test_a_journal_of_another_search_is_refused(tmp_path: Path) -> None:
    search(tmp_path, Evaluator())
    with pytest.raises(RunError, match="row 0 of the journal is grow depth 10 width 12"):
        search(tmp_path, Evaluator(), max_width=10)


def test_optuna_reads_the_rows_and_scales_are_apart(tmp_path: Path) -> None:
    search(tmp_path / "run", Evaluator())
    url = f"sqlite:///{tmp_path / 'run' / 'journal.db'}"
    macro, micro = (optuna.load_study(study_name=f"run.{scale}", storage=url) for scale in ("macro", "micro"))
    assert {trial.params["phase"] for trial in macro.trials} == {"grow", "prune"}
    assert {trial.params["phase"] for trial in micro.trials} == {"operations", "kernels"}
    first = macro.trials[0]
    assert first.values == [first.user_attrs[name] / divisor for name, divisor in (("correct", 100), ("parameters", 1), ("macs", 1))]
    assert first.duration.total_seconds() == pytest.approx(1.5)
    front = {trial.number for trial in macro.best_trials}  # what optuna-dashboard draws
    fronts = {cost: {row["step"] for row in rows} for cost, rows in pareto(read_journal(tmp_path / "run"))["macro"].items()}
    assert fronts["parameters"] | fronts["macs"] <= front


def test_damaged_journal_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(RunError, match="cannot be used as a journal"):
        Journal(tmp_path)
    with pytest.raises(RunError, match="no journal in"):
        read_journal(tmp_path / "elsewhere")
    (tmp_path / "journal.json").write_text("{")
    with pytest.raises(RunError, match="is damaged"):
        read_journal(tmp_path)


def test_another_database_is_found_again_and_keeps_runs_apart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    Journal(tmp_path / "here" / "run", url)
    assert [read_journal(tmp_path / "here" / "run"), list((tmp_path / "here" / "run").glob("*.db"))] == [[], []]
    with pytest.raises(RunError, match=r"study 'run.macro' in .* belongs to another run"):
        Journal(tmp_path / "there" / "run", url)
    with pytest.raises(RunError, match="cannot be used as a journal"):
        Journal(tmp_path / "nowhere", "postgresql://user:secret@127.0.0.1:1/none")
    assert "secret" not in (tmp_path / "nowhere" / "journal.json").read_text()


def test_a_moved_run_keeps_its_rows(tmp_path: Path) -> None:
    search(tmp_path / "before", Evaluator())
    rows = read_journal(tmp_path / "before")
    (tmp_path / "before").rename(tmp_path / "after")
    assert read_journal(tmp_path / "after") == rows != []


def test_a_network_file_system_is_refused_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = [Mount("/", "ext4"), Mount(str(tmp_path), "nfs4"), Mount(str(tmp_path / "local"), "xfs")]
    monkeypatch.setattr("psutil.disk_partitions", lambda all: mounts)
    with pytest.raises(RunError, match=r"network file system \(nfs4\).*--storage postgresql://"):
        Journal(tmp_path / "run")
    assert not (tmp_path / "run" / "journal.db").exists()
    Journal(tmp_path / "local" / "run")
    Journal(tmp_path / "run", f"sqlite:///{tmp_path / 'local' / 'elsewhere.db'}")


class Mount(NamedTuple):
    mountpoint: str
    fstype: str


def test_a_second_process_is_refused_and_a_dead_one_leaves_no_lock(tmp_path: Path) -> None:
    code = f"import sys, time; from pathlib import Path; from facenas.search import locked\nwith locked(Path({str(tmp_path)!r})):\n"
    holder = subprocess.Popen([sys.executable, "-c", code + "    print('held', flush=True); time.sleep(60)"], stdout=subprocess.PIPE)
    assert holder.stdout
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(RunError, match="another process is working on"), locked(tmp_path):
        pass
    holder.kill()
    holder.wait()
    with locked(tmp_path):
        pass


def test_results_are_found_by_content_and_a_damaged_file_is_none(tmp_path: Path) -> None:
    evaluator, cache = Evaluator(), ResultCache(tmp_path)
    candidate = next(strategy().search())
    evaluation, key = evaluator(candidate), candidate_key(candidate)
    assert cache.get(key) is None
    cache.put(key, evaluation)
    assert ResultCache(tmp_path).get(key) == evaluation
    next(tmp_path.rglob("*.json")).write_text('{"score"')
    assert ResultCache(tmp_path).get(key) is None


def test_forecast_goes_on_to_the_bounds_and_never_beyond_the_end(tmp_path: Path) -> None:
    everything = forecast(strategy(micro=False), [])
    assert [(c.phase, c.architecture.depth, c.architecture.width) for c in everything] == [
        ("grow", 10, 12), ("grow", 12, 12), ("grow", 14, 12), ("prune", 10, 10), ("prune", 10, 8),
    ]  # fmt: skip
    search(tmp_path, Evaluator())
    assert forecast(strategy(), [row.evaluation.score for row in read_journal(tmp_path)]) == []


@pytest.mark.slow
@pytest.mark.extra("postgres", "pgserver")
def test_postgresql(tmp_path: Path) -> None:
    """A real server: two halves of a run are the whole, and a run of the same name elsewhere is refused."""
    import pgserver

    server = pgserver.get_server(tmp_path / "server")
    try:
        url = server.get_uri()
        for evaluator in (Evaluator(4), Evaluator()):
            with suppress(KeyboardInterrupt):
                search(tmp_path / "run", evaluator, storage=url)
        search(tmp_path / "whole", Evaluator())
        assert read_journal(tmp_path / "run") == read_journal(tmp_path / "whole")
        assert not (tmp_path / "run" / "journal.db").exists()
        with pytest.raises(RunError, match=r"study 'run\.macro' in postgresql://.* belongs to another run"):
            Journal(tmp_path / "elsewhere" / "run", url)
    finally:
        server.cleanup()
