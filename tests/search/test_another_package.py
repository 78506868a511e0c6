"""A strategy of another package: installed, searched with, continued, reported, and told when it is gone."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import pytest

from facenas.cli.members import member_names
from facenas.search import SearchSettings
from facenas.search.strategy import STRATEGIES
from facenas.testing import StrategyContract
from tests.conftest import Result
from tests.search import halving
from tests.search.halving import Halving

SEARCH = [
    "search", "--config", "smoke", "--strategy", "halving", "--run", "run", "--set", "strategy.count=3", "--set", "threads=1",
    "--set", "strategy.min_depth=10", "--set", "strategy.max_depth=10", "--set", "strategy.min_width=8", "--set", "strategy.max_width=8",
]  # fmt: skip


class TestHalving(StrategyContract):
    settings = Halving(max_depth=14, max_width=24)


@contextmanager
def installed(folder: Path) -> Iterator[None]:
    """The package and its entry point on the path, as pip leaves them; afterwards it is gone."""
    about = folder / "halving-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "halving.py").write_text(Path(halving.__file__).read_text())
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: halving\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[facenas.strategies]\nhalving = halving:Halving\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        look_again()
        yield
    sys.modules.pop("halving", None)
    look_again()


def look_again() -> None:
    """What a new process does."""
    STRATEGIES.__dict__.pop("members", None)
    SearchSettings.model_rebuild(force=True)


def test_help_lists_strategies_without_importing_them(tmp_path: Path, facenas: Callable[..., Result]) -> None:
    assert sorted(member_names("strategies")) == sorted(STRATEGIES.members)
    with installed(tmp_path):
        assert member_names("strategies")[-1] == "halving"
        told = " ".join(facenas("search", "--help").stdout.split())
        assert "sample, tpe, halving" in told


def test_it_searches_goes_on_and_is_told_when_it_is_gone(tmp_path: Path, facenas: Callable[..., Result]) -> None:
    with installed(tmp_path / "site"):
        assert "did you mean 'halving'" in facenas("search", "--strategy", "halvin", code=1).stderr
        facenas(*SEARCH, "--set", "budget.trials=2")
        facenas(*SEARCH)
    rows = facenas("journal", "run", "--json").json
    assert [row["phase"] for row in rows] == ["rung of 3"] * 3 + ["rung of 2"] * 2
    assert [row["epochs"] for row in rows] == [1] * 3 + [2] * 2
    facenas("report", "run")
    page = Path("run/report.html").read_text()
    assert "rung of 3" in page and "rung of 2" in page
    assert page.count("and the best so far</") == 2  # scores of 1 and of 2 epochs
    assert "halving" in facenas("compare", "run").stdout
    for again in (["--config", "run/config.yaml"], ["--finish"]):
        gone = facenas("search", *again, "--run", "run", code=1).stderr
        assert "unknown strategy 'halving'" in gone and gone.count("\n") == 1


def test_the_example_of_the_page_keeps_the_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Path(halving.__file__).parents[2] / "docs" / "search.md"
    example = next(part for part in page.read_text(encoding="utf-8").split("```python\n") if "class HillClimbing" in part)
    (tmp_path / "climbing_of_the_page.py").write_text(example.split("```")[0], encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    settings = import_module("climbing_of_the_page").HillClimbing()
    contract = type("TestExample", (StrategyContract,), {"settings": settings})()
    contract.test_stays_in_its_space_and_its_bounds(settings, 0)
    contract.test_resumes_exactly(settings, 4)
    contract.test_resumes_exactly_in_another_process()
    contract.test_accepts_no_candidate_that_is_over_a_limit(settings)
    contract.test_ends_if_it_says_so(settings, 900)
