"""Journals that are read only, damaged, removed, or written before."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from facenas.errors import RunError
from facenas.search import Journal, NetworkCost, open_journal, read_journal
from tests.conftest import Result
from tests.search.test_journal import Evaluator, search, strategy

Command = Callable[..., Result]
BEFORE = Path(__file__).with_name("run_before")  # four candidates of a longer search, written when phases were a closed list


@pytest.fixture
def before(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BEFORE, tmp_path / "old"))


def test_reading_leaves_nothing_beside_a_journal(before: Path) -> None:
    files = {file: file.read_bytes() for file in before.iterdir()}
    assert [row.scale for row in read_journal(before)] == ["macro"] * 4
    assert open_journal(before).epochs() is None
    assert {file: file.read_bytes() for file in before.iterdir()} == files


def test_rows_that_are_only_in_the_log_are_read_too(tmp_path: Path) -> None:
    """As beside a running search, and after one that was killed, on a disk that cannot be written."""
    search(tmp_path / "run", Evaluator())
    rows = read_journal(tmp_path / "run")
    writer = sqlite3.connect(tmp_path / "run" / "journal.db")
    writer.execute("pragma journal_mode=WAL")
    writer.execute("update trial_user_attributes set value_json = replace(value_json, 'accepted', 'neutral') where \"key\" = 'row'")
    writer.commit()
    copied = Path(shutil.copytree(tmp_path / "run", tmp_path / "copy"))
    writer.close()
    (copied / "journal.db-shm").unlink()
    for folder in (tmp_path / "run", copied):
        assert "accepted" not in {row.verdict.outcome for row in read_journal(folder)}
    whole = Path(shutil.copytree(tmp_path / "run", tmp_path / "whole"))
    files = sorted(whole.iterdir())
    assert read_journal(whole) and sorted(whole.iterdir()) == files
    (copied / "journal.db-wal").unlink()
    assert read_journal(copied) == rows


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="mounts a folder to read only")
def test_the_commands_that_read_do_so_where_nothing_can_be_written(before: Path, tmp_path: Path) -> None:
    """With a mount, since root may write whatever the modes say."""
    code = (
        "import sys; from facenas import cli; "
        "codes = [cli.run(one.split()) for one in ('journal old', 'compare old', 'report old --output report.html', 'report old')]; "
        "sys.exit(codes != [0, 0, 0, 1])"
    )
    script = f'mount --bind old old && mount -o remount,ro,bind old && exec {sys.executable} -c "{code}"'
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"may not mount: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "old cannot be written" in done.stderr and "--output" in done.stderr  # the last report
    assert (tmp_path / "report.html").stat().st_size > 10_000


@pytest.mark.parametrize("size", [0, 10, 100, 4096, 20_000, 65_536, 100_000, -1])
def test_a_damaged_journal_says_how_it_comes_back_and_does(size: int, tmp_path: Path) -> None:
    """Cut short anywhere, empty, no database at all: when it is removed, the cache restores every row."""
    run, evaluator = tmp_path / "run", Evaluator()
    found, rows = search(run, evaluator), read_journal(run)
    file = run / "journal.db"
    whole = file.read_bytes()
    file.write_bytes(b"photographs, not a database" * 1000 if size < 0 else whole[:size])
    with pytest.raises(RunError, match=r"cannot be used as a journal, it is damaged .* remove it and run the search again") as told:
        read_journal(run)
    assert "Traceback" not in str(told.value)
    if size:
        with pytest.raises(RunError, match="remove it and run the search again"):
            search(run, Evaluator())
        file.unlink()
        with pytest.raises(RunError, match="run the search again with the same command: its rows come back from the cache"):
            read_journal(run)
    nothing = Evaluator(stop_after=0)
    assert search(run, nothing) == found
    assert read_journal(run) == rows and nothing.asked == []


def test_a_row_that_is_missing_is_damage(before: Path) -> None:
    with sqlite3.connect(before / "journal.db") as database:
        database.execute("delete from trial_user_attributes where trial_id = 2")
    with pytest.raises(RunError, match="rows of it are missing; remove it"):
        read_journal(before)


def test_a_log_of_a_journal_that_was_removed_is_not_read_into_the_next(tmp_path: Path) -> None:
    search(tmp_path, Evaluator())
    rows = read_journal(tmp_path)
    (tmp_path / "journal.db").rename(tmp_path / "journal.db-wal")
    search(tmp_path, Evaluator(stop_after=0))
    assert read_journal(tmp_path) == rows


def test_a_new_phase_and_sizes_beyond_all_before_are_written_into_an_old_journal(before: Path) -> None:
    journal = Journal(before)
    one = journal.rows()[-1]
    architecture = strategy().space.start(depth=10, width=8).replace(width=20_000)
    changes = {"architecture": architecture, "phase": "polish", "scale": "micro", "epochs": 200_000}
    new = one.candidate.model_validate(one.candidate.model_dump() | changes)
    row = journal.append(new, one.evaluation, one.verdict, NetworkCost(one.parameters, one.macs))
    assert (row.scale, row.candidate.phase) == ("micro", "polish")
    assert Journal(before).rows()[-1] == read_journal(before)[-1] == row


def test_a_journal_of_before_goes_on(before: Path, facenas: Command) -> None:
    """It ended at its budget; without one, the search goes on behind its rows."""
    rows = read_journal(before)
    facenas("search", "--config", "smoke", "--set", "strategy.micro=false", "--run", "old", "--json", code=1)  # other settings
    facenas("search", "--config", "smoke", "--set", "strategy.micro_epochs=2", "--set", "budget.trials=5", "--run", "old", "--json")
    now = read_journal(before)
    assert now[:4] == rows and len(now) == 5
    assert "trials: 5" in (before / "config.yaml").read_text()
