"""Partial FC: the plain head at rate 1 on one rank and on two, all positives at any rate, state by rows."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor, distributed, nn

from facenas.errors import SettingsError
from facenas.heads import Head, MarginHead, PartialFC, RowSGD, margin_loss, merge_shards, ranks, split_shards
from tests.heads.test_heads import HEADS

B, D, N, STEPS = 8, 6, 11, 2
SGD = {"lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4}
Result = dict[str, Any]


def batches(count: int = STEPS) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(3)
    return [
        (torch.randn(B, D, generator=generator, dtype=torch.float64) * 8, torch.randint(N, (B,), generator=generator)) for _ in range(count)
    ]


def settings(name: str) -> Any:
    return TypeAdapter(Head).validate_python({"name": name, "scale": 16.0})


def plain(name: str) -> MarginHead:
    torch.manual_seed(0)
    return settings(name).build(D, N).double()


def partial(name: str, rate: float = 1.0) -> PartialFC:
    """A fresh shard with its part of the plain head's centres."""
    head = PartialFC(settings(name), D, N, sample_rate=rate, seed=4).double()
    state = {**head.state_dict(), "weight": plain(name).weight.detach()}
    head.load_state_dict(split_shards(state, ranks.count(), subcentres=head.subcentres)[ranks.mine()])
    return head


def run(head: nn.Module, loss_of: Any, optimiser: torch.optim.Optimizer) -> Result:
    """Losses, hits and embeddings' gradients of all steps on this rank's part of the batches, and the state after them."""
    here = slice(ranks.mine() * B // ranks.count(), (ranks.mine() + 1) * B // ranks.count())
    result: Result = {"loss": [], "correct": [], "grad": [], "rows": []}
    for x, y in batches():
        x = x[here].clone().requires_grad_()
        optimiser.zero_grad()
        loss, correct = loss_of(x, y[here])
        loss.backward()
        optimiser.step()
        grad = head.weight.grad
        result["loss"].append(loss.detach())
        result["correct"].append(correct)
        result["grad"].append(x.grad)
        result["rows"].append(grad.coalesce().indices()[0] if grad.is_sparse else torch.arange(len(grad)))
    return result | {"state": head.state_dict(), "optimiser": optimiser.state_dict()}


def run_partial(name: str, rate: float = 1.0) -> Result:
    head = partial(name, rate)
    return run(head, head, RowSGD(head.parameters(), **SGD))


def run_plain(name: str) -> Result:
    head = plain(name)
    return run(head, lambda x, y: margin_loss(head, x, y), torch.optim.SGD(head.parameters(), **SGD))


def same(given: Result, wanted: Result, grad_factor: float = 1.0) -> None:
    for key in ("loss", "correct"):
        torch.testing.assert_close(given[key], wanted[key], rtol=0, atol=1e-9)
    torch.testing.assert_close(given["grad"], [grad_factor * grad for grad in wanted["grad"]], rtol=0, atol=1e-9)
    for key, value in wanted["state"].items():
        torch.testing.assert_close(given["state"][key], value, rtol=0, atol=1e-9)
    buffers = [result["optimiser"]["state"][0]["momentum_buffer"] for result in (given, wanted)]
    torch.testing.assert_close(*buffers, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", HEADS)
def test_one_rank_and_all_identities_equal_the_plain_head(name: str) -> None:
    same(run_partial(name), run_plain(name))


def work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    results: Result = {name: run_partial(name) for name in HEADS} | {"sampled": run_partial("arcface", 0.3)}
    results["statistics"] = ranks.mean_and_deviation(torch.tensor([1.0, 2.0, 6.0][: 2 - rank]) + rank)
    try:
        PartialFC(settings("arcface"), D, N)(torch.zeros(1 + rank, D), torch.zeros(1 + rank, dtype=torch.long))
    except SettingsError as error:
        results["refused"] = str(error)
    torch.save(results, f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory: pytest.TempPathFactory) -> list[Result]:
    folder = tmp_path_factory.mktemp("ranks")
    torch.multiprocessing.spawn(work, (str(folder),), nprocs=2)
    return [torch.load(Path(folder) / f"{rank}.pt") for rank in range(2)]


def joined(results: list[Result]) -> Result:
    first, second = results
    assert first["loss"] == second["loss"]
    grads = [torch.cat(pair) for pair in zip(first["grad"], second["grad"], strict=True)]
    return {**first, "grad": grads} | {key: merge_shards([result[key] for result in results]) for key in ("state", "optimiser")}


@pytest.mark.slow
@pytest.mark.parametrize("name", HEADS)
def test_two_ranks_equal_one(name: str, two_ranks: list[Result]) -> None:
    """Embeddings' gradients are doubled: DistributedDataParallel halves them again."""
    same(joined([result[name] for result in two_ranks]), run_plain(name), grad_factor=2)


def test_two_ranks_sample_each_in_its_shard(two_ranks: list[Result]) -> None:
    """The first step's loss is the plain head's over the union of what the ranks have met."""
    results = [result["sampled"] for result in two_ranks]
    first_of_second = N // 2
    met = torch.cat([results[0]["rows"][0], results[1]["rows"][0] + first_of_second])
    x, y = batches()[0]
    assert set(y.tolist()) <= set(met.tolist())
    assert len(met) < N
    columns = (met.unsqueeze(0) == y.unsqueeze(1)).int().argmax(1)
    loss = nn.functional.cross_entropy(plain("arcface")(x, y)[:, met], columns)
    torch.testing.assert_close(results[0]["loss"][0], loss.detach(), rtol=0, atol=1e-9)


def test_statistics_are_those_of_all_ranks_together(two_ranks: list[Result]) -> None:
    values = torch.tensor([1.0, 2.0, 2.0])
    for result in two_ranks:
        torch.testing.assert_close(torch.stack(result["statistics"]), torch.stack([values.mean(), values.std(), torch.tensor(3.0)]))


def test_ranks_must_bring_equal_batches(two_ranks: list[Result]) -> None:
    assert all("the same size, got [1, 2]" in result["refused"] for result in two_ranks)


def sampled(seed: int = 4, identities: int = 200) -> PartialFC:
    return PartialFC(settings("arcface"), D, identities, sample_rate=0.1, seed=seed)


def rows_met(head: PartialFC, labels: Tensor) -> Tensor:
    head.weight.grad = None
    head(torch.randn(len(labels), D), labels).loss.backward()
    return head.weight.grad.coalesce().indices()[0]


def test_all_positives_and_a_share_of_the_others_are_met() -> None:
    head, labels = sampled(), torch.tensor([0, 3, 3, 77, 199])
    met = torch.zeros(200)
    for _ in range(100):
        rows = rows_met(head, labels)
        assert len(rows) == 20
        assert set(labels.tolist()) <= set(rows.tolist())
        met[rows] += 1
    others = torch.ones(200, dtype=torch.bool)
    others[labels] = False
    assert met[others].mean() == pytest.approx(100 * 16 / 196)
    assert met[others].min() > 0


def test_more_positives_than_the_share_are_all_met() -> None:
    assert set(range(50)) == set(rows_met(sampled(), torch.arange(50)).tolist())


def test_a_resumed_run_draws_what_the_uninterrupted_one_would() -> None:
    labels, first, second = torch.tensor([5]), sampled(), sampled()
    drawn = [rows_met(first, labels).tolist() for _ in range(3)]
    rows_met(second, labels)
    resumed = sampled()
    resumed.load_state_dict(second.state_dict())
    assert [rows_met(resumed, labels).tolist() for _ in range(2)] == drawn[1:]
    assert drawn[0] != drawn[1]
    assert rows_met(sampled(seed=5), labels).tolist() != drawn[0]


def test_sampled_centres_of_an_identity_stay_together() -> None:
    head = PartialFC(settings("subcentre_arcface"), D, 50, sample_rate=0.2)
    rows = rows_met(head, torch.tensor([7]))
    assert rows.view(-1, 3)[:, 0].remainder(3).eq(0).all()
    assert {21, 22, 23} <= set(rows.tolist())


def test_only_the_rows_met_are_stepped() -> None:
    head = sampled()
    optimiser = RowSGD(head.parameters(), **SGD)
    before = head.weight.detach().clone()
    rows = rows_met(head, torch.tensor([1, 2]))
    others = torch.ones(200, dtype=torch.bool)
    others[rows] = False
    optimiser.step()
    momentum = optimiser.state[head.weight]["momentum_buffer"]
    wanted = head.weight.grad.to_dense()[rows] + 5e-4 * before[rows]
    torch.testing.assert_close(momentum[rows], wanted)
    torch.testing.assert_close(head.weight.detach()[rows], before[rows] - 0.01 * wanted)
    assert momentum[others].eq(0).all()
    assert head.weight[others].eq(before[others]).all()


def test_a_row_met_by_two_backward_passes_is_stepped_by_their_sum() -> None:
    weight = nn.Parameter(torch.zeros(5, 2))
    weight.grad = torch.sparse_coo_tensor([[1, 3, 1]], torch.ones(3, 2), (5, 2), check_invariants=True)
    RowSGD([weight], lr=1.0).step()
    assert weight[:, 0].tolist() == [0, -2, 0, -1, 0]


def test_shards_survive_another_number_of_ranks() -> None:
    head = partial("subcentre_arcface")
    optimiser = RowSGD(head.parameters(), **SGD)
    head(*batches()[0]).loss.backward()
    optimiser.step()
    for state in (head.state_dict(), optimiser.state_dict()):
        parts = split_shards(state, 3, subcentres=3)
        again = merge_shards([merge_shards(parts[:2]), parts[2]])
        torch.testing.assert_close(again, state, rtol=0, atol=0)
    weights = [part["weight"] for part in split_shards(head.state_dict(), 3, subcentres=3)]
    assert [len(weight) for weight in weights] == [9, 12, 12]


def test_needs_an_identity_for_every_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "count", lambda: 4)
    with pytest.raises(SettingsError, match="4 ranks need at least 4 identities, got 3"):
        PartialFC(settings("arcface"), D, 3)


def test_centres_at_the_start_do_not_depend_on_the_number_of_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards that begin and end within a block of identities, and ones that span several."""
    monkeypatch.setattr("facenas.heads.partial.BLOCK", 4)
    whole = PartialFC(settings("subcentre_arcface"), D, 19, seed=5).weight
    assert len(torch.unique(whole, dim=0)) == len(whole)
    for count in (2, 3, 7):
        shards = []
        for rank in range(count):
            monkeypatch.setattr(ranks, "count", lambda count=count: count)
            monkeypatch.setattr(ranks, "mine", lambda rank=rank: rank)
            shards.append(PartialFC(settings("subcentre_arcface"), D, 19, seed=5).weight)
        assert torch.equal(torch.cat(shards), whole)
