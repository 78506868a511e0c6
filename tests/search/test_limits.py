"""What a candidate may cost, and what a search may: decided before anything is trained."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch

from benchmarks.speculation import Memory, VirtualWorkers, name
from facenas.backbones import IRSpace, PlainSpace
from facenas.backbones.plain import PlainNetwork
from facenas.errors import SettingsError
from facenas.export import LatencyTable, Target, latency_table, measure_latency
from facenas.search import Budget, Candidate, DynamicRanking, Limits, NetworkCost, Row, Runner, Score, SearchSettings, read_journal
from facenas.search.candidate import Strategy
from facenas.search.run import Prices
from facenas.training.fit import Evaluation

SPACE = PlainSpace(in_channels=1, num_classes=2, input_size=8)
Command = Callable[..., Any]


def price(architecture: Any) -> NetworkCost:
    return NetworkCost(*SPACE.cost(architecture))


def run(strategy: Strategy, limits: Limits, budget: Budget = Budget()) -> tuple[list[Row], list[str], Any]:  # noqa: B008
    """Rows, what was trained, what was found; deeper is better and thinner no worse."""
    trained: list[str] = []

    def evaluate(candidate: Candidate) -> Evaluation:
        trained.append(name(candidate))
        score = Score(correct=candidate.architecture.depth, total=100)
        return Evaluation(score=score, history=(), seconds=360.0, device="virtual")

    def refuse(candidate: Candidate) -> Evaluation | None:
        excess = limits.excess(price(candidate.architecture))
        score = Score(correct=0, total=100, refused=True)
        return Evaluation(score=score, history=(), seconds=0, device="none", remark=excess) if excess else None

    memory = Memory()
    found = Runner(strategy, memory, VirtualWorkers(1, evaluate), memory, name, price, refuse=refuse, budget=budget).run()
    return memory.rows(), trained, found


def strategy(**changes: Any) -> DynamicRanking:
    return DynamicRanking(SPACE, **{"min_depth": 5, "max_depth": 20, "min_width": 4, "max_width": 16, "micro": False} | changes)


def cost(depth: int, width: int) -> int:
    return SPACE.count_parameters(SPACE.start(depth=depth, width=width))


def test_growing_ends_at_the_first_network_over_a_limit() -> None:
    rows, trained, found = run(strategy(), Limits(parameters=cost(9, 16)))
    grown = [row for row in rows if row.candidate.phase == "grow"]
    assert [row.candidate.architecture.depth for row in grown] == [5, 6, 7, 8, 9, 10]
    assert grown[-1].verdict.outcome == "rejected"
    assert grown[-1].verdict.reason == f"over a limit: {cost(10, 16):,} parameters, at most {cost(9, 16):,}"
    assert name(grown[-1].candidate) not in trained
    assert found.depth == 9
    assert next(row.candidate.epochs for row in rows if row.candidate.phase == "prune") == grown[-2].candidate.epochs + 2


def test_a_start_over_the_limit_is_thinned_until_it_fits_without_longer_training() -> None:
    rows, trained, found = run(strategy(), Limits(parameters=cost(5, 10)))
    first = next(row for row in rows if not row.evaluation.score.refused)
    assert (first.candidate.architecture.depth, first.candidate.architecture.width, first.candidate.epochs) == (5, 10, 12)
    assert first.verdict.outcome == "accepted"
    assert cost(found.depth, found.width) <= cost(5, 10)
    assert len(trained) == sum(not row.evaluation.score.refused for row in rows)


def test_nothing_that_fits_is_one_sentence() -> None:
    with pytest.raises(SettingsError, match="even the smallest network"):
        run(strategy(), Limits(macs=10))


@pytest.mark.parametrize(
    ("limits", "excess"),
    [
        (Limits(parameters=999, macs=2000), "1,000 parameters, at most 999"),
        (Limits(macs=1999), "2,000 MACs, at most 1,999"),
        (Limits(size_mb=0.003), "0.00 MB of weights, at most 0.003"),
        (Limits(latency_ms=4), "5.00 ms by its layers, at most 4.0"),
        (Limits(parameters=1000, macs=2000, size_mb=0.004, latency_ms=5), ""),
    ],
)
def test_the_excess_is_named(limits: Limits, excess: str) -> None:
    assert limits.excess(NetworkCost(1000, 2000, 5.0, latency_predicted=True)) == excess


@pytest.mark.parametrize(
    ("budget", "trials"),
    [(Budget(trials=3), 3), (Budget(epochs=21), 2), (Budget(epochs=22), 3), (Budget(hours=0.4), 4), (Budget(hours=0.401), 5)],
)
def test_a_budget_ends_the_search_with_the_last_accepted(budget: Budget, trials: int) -> None:
    """Candidates of 10, 11, 12 ... epochs and a tenth of an hour each."""
    rows, _, found = run(strategy(), Limits(), budget)
    assert len(rows) == trials
    assert found == rows[-1].candidate.architecture


def test_latency_is_measured_on_the_real_network() -> None:
    space = IRSpace(embedding_size=None, input_size=32)
    small, large = (
        measure_latency(space.build(space.start(depth=depth, width=width)), shape=(3, 32, 32), target=Target.of("onnxruntime-cpu-1thread"))
        for depth, width in ((10, 8), (26, 24))
    )
    assert 0 < small < large


@pytest.mark.parametrize(("part_ms", "measured", "predicted"), [(1.0, 2.0, False), (3.0, 6.0, True)])
def test_only_what_is_far_over_is_refused_by_its_layers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part_ms: float, measured: float, predicted: bool
) -> None:
    """Three layers, a stem and an output layer; the whole takes as long as two of them."""
    whole: list[str] = []

    def measure(network: torch.nn.Sequential, shape: tuple[int, ...], target: Target) -> float:
        if isinstance(network[0], PlainNetwork):
            whole.append(target.runtime)
            return 2 * part_ms
        return part_ms

    monkeypatch.setattr(latency_table, "measure_latency", measure)
    limits = {"latency_ms": 6.0, "latency_target": "torch-cpu-1thread"}
    settings = SearchSettings.model_validate({"data": {"name": "digits"}, "space": SPACE.model_dump(), "limits": limits})
    prices = Prices(settings, 100, LatencyTable(Target.of("torch-cpu-1thread"), tmp_path))
    price = prices.price(SPACE.start(depth=3, width=4))
    assert (price.latency_ms, price.latency_predicted) == (5 * part_ms if predicted else measured, predicted)
    assert whole == ([] if predicted else ["torch-cpu"])
    refused = prices.refuse(Candidate(architecture=SPACE.start(depth=3, width=4), epochs=1, phase="grow"))
    assert (refused.remark if refused else "") == ("15.00 ms by its layers, at most 6.0" if predicted else "")


def test_latency_from_the_command_line(facenas: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACENAS_CACHE", str(tmp_path / "cache"))
    one = ["strategy.max_depth=10", "strategy.min_width=12", "strategy.micro=false"]
    limited = ["search", "--config", "smoke", *(part for setting in one for part in ("--set", setting)), "--max-latency-ms", 1000]
    rows = []
    for run in ("a", "b"):
        facenas(*limited, "--latency-target", "onnxruntime-cpu-2threads", "--run", run, "--json")
        rows.append([(row.candidate, row.latency_ms, row.latency_predicted) for row in read_journal(Path(run))])
    assert rows[0] == rows[1] and all(latency and not predicted for _, latency, predicted in rows[0])
    assert [path.suffix for path in sorted((tmp_path / "cache" / "latency").iterdir())] == [".json", ".lock"]
    wrong = facenas(*limited, "--latency-target", "tensorrt", "--run", "c", code=1).stderr
    assert "unknown latency target 'tensorrt'; there are onnxruntime-cpu-Nthread(s)" in wrong


@pytest.mark.slow
def test_limits_from_the_command_line(facenas: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACENAS_CACHE", str(tmp_path / "cache"))
    limited = ["search", "--config", "smoke", "--json", "--set", "strategy.micro=false"]
    found = facenas(*limited, "--run", "a", "--set", "limits.parameters=150000").json
    assert found["parameters"] <= 150_000
    rows = facenas("journal", "a", "--json").json
    assert [row["refused"] for row in rows if row["parameters"] > 150_000] == [True] * sum(row["parameters"] > 150_000 for row in rows)
    assert any(row["refused"] for row in rows)
    front = (Path("a") / "pareto.json").read_text()
    assert not any(row["identity"] in front for row in rows if row["refused"])
    one = ["--set", "strategy.max_depth=10", "--set", "strategy.min_width=12"]
    nothing = facenas(*limited, *one, "--run", "b", "--set", "limits.latency_ms=0.00001", code=1)
    assert "even the smallest network of the search is over a limit" in nothing.stderr
    assert all(row.latency_ms and row.evaluation.score.refused for row in read_journal(Path("b")))
    trials = optuna.load_study(study_name="b.macro", storage="sqlite:///b/journal.db").trials
    assert [trial.values[3] for trial in trials] == [row.latency_ms for row in read_journal(Path("b"))]
