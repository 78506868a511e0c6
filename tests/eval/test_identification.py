"""1:N search against loops written from the definition."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facenas.errors import NotFiniteError
from facenas.eval import identification
from facenas.eval.identification import Search, cmc, search

DISTRACTOR = -100


class Case(NamedTuple):
    probes: np.ndarray
    people: np.ndarray
    gallery: np.ndarray
    identities: np.ndarray


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Small whole numbers, so that scores are exact and often equal."""
    rng, probes, entries = np.random.default_rng(draw(st.integers(0, 2**32 - 1))), draw(st.integers(1, 25)), draw(st.integers(1, 30))
    span = draw(st.sampled_from([1, 2, 8]))
    return Case(
        rng.integers(-span, span + 1, size=(probes, 3)).astype(np.float32),
        rng.integers(0, 8, probes),
        rng.integers(-span, span + 1, size=(entries, 3)).astype(np.float32),
        rng.choice([DISTRACTOR, *range(6)], entries),
    )


def slow_search(case: Case) -> list[tuple[int, float, float]]:
    found = []
    for probe, person in zip(case.probes, case.people, strict=True):
        scores = [float(probe @ entry) for entry in case.gallery]
        right = [score for score, identity in zip(scores, case.identities, strict=True) if identity == person and identity >= 0]
        wrong = [score for score, identity in zip(scores, case.identities, strict=True) if identity != person or identity < 0]
        mate = max(right, default=-np.inf)
        found.append((1 + sum(score >= mate for score in wrong) if right else 0, max(scores), mate))
    return found


def slow_threshold(found: list[tuple[int, float, float]], fpir: float) -> float:
    """The least of all thresholds that keep the rate: the strangers' best scores, and none at all."""
    strangers = [best for rank, best, _ in found if not rank]
    possible = [t for t in [-np.inf, *strangers] if sum(best > t for best in strangers) <= fpir * len(strangers) * (1 + 1e-12)]
    return min(possible)


@given(cases(), st.sampled_from([1, 40, 2**24]))
@settings(max_examples=200, deadline=None)
def test_a_search_is_the_slow_loop(case: Case, at_once: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identification, "AT_ONCE", at_once)
        found, slow = search(*case), slow_search(case)
    assert list(zip(found.rank.tolist(), found.best.tolist(), found.mate.tolist(), strict=True)) == slow
    assert found.mated.tolist() == [person in case.identities for person in case.people]


@given(cases())
@settings(max_examples=100, deadline=None)
def test_a_rank_means_any_of_the_k_best_wherever_scores_differ(case: Case) -> None:
    noise = np.random.default_rng(0).normal(size=case.gallery.shape).astype(np.float32)
    case = case._replace(probes=case.probes + np.float32(0.1), gallery=case.gallery + noise)
    found, order = search(*case), np.argsort(-(case.probes @ case.gallery.T), axis=1)
    if not found.mated.any():
        return
    hits = (case.identities[order] == case.people[:, None])[found.mated]
    assert found.rates((1, 5, 20)) == {k: pytest.approx(hits[:, :k].any(1).mean()) for k in (1, 5, 20)}


@given(cases(), st.sampled_from([0.01, 0.1, 0.2, 0.5, 1.0]))
@settings(max_examples=300, deadline=None)
def test_open_set_rates_are_the_slow_loop(case: Case, fpir: float) -> None:
    found, slow = search(*case), slow_search(case)
    strangers = sum(not rank for rank, _, _ in slow)
    if fpir * strangers * (1 + 1e-12) < 1:
        with pytest.raises(ValueError, match=f"FPIR {fpir:g} needs at least .* outside the gallery, got {strangers}"):
            found.tpir_at_fpir(fpir)
        return
    threshold = slow_threshold(slow, fpir)
    assert found.threshold_at_fpir(fpir) == threshold
    mated = [rank == 1 and mate > threshold for rank, _, mate in slow if rank]
    if mated:
        assert found.tpir_at_fpir(fpir) == pytest.approx(sum(mated) / len(mated))


def test_too_few_strangers_are_refused_with_the_number_that_is_needed() -> None:
    found = Search(np.array([1, 0, 0]), np.ones(3, np.float32), np.ones(3, np.float32))
    with pytest.raises(ValueError, match=r"^FPIR 0.01 needs at least 100 probes of people outside the gallery, got 2$"):
        found.tpir_at_fpir(0.01)


def test_a_distractor_is_nobodys_mate() -> None:
    one = np.ones((1, 1), np.float32)
    assert search(one, np.array([DISTRACTOR]), one, np.array([DISTRACTOR])).rank.tolist() == [0]


def test_a_tie_with_a_wrong_entry_is_not_found_and_other_right_entries_do_not_count() -> None:
    probe, gallery = np.ones((1, 1), np.float32), np.array([[0.5], [0.9], [0.9], [0.7], [0.5]], np.float32)
    assert search(probe, np.array([7]), gallery, np.array([7, 7, 7, 7, 3])).rank.tolist() == [1]
    assert search(probe, np.array([7]), gallery, np.array([3, 7, 3, 3, 3])).rank.tolist() == [2]


@given(st.lists(cases(), min_size=1, max_size=3))
@settings(max_examples=50, deadline=None)
def test_cmc_is_over_all_galleries(several: list[Case]) -> None:
    ranks = [rank for case in several for rank, _, _ in slow_search(case) if rank]
    if ranks:
        points = cmc([search(*case) for case in several], most=12)
        assert points == [(k, pytest.approx(sum(rank <= k for rank in ranks) / len(ranks))) for k in range(1, 13)]


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("side", ["probe", "gallery"])
def test_embeddings_that_are_not_numbers_are_refused(value: float, side: str) -> None:
    probes, gallery = np.ones((2, 3), np.float32), np.ones((4, 3), np.float32)
    (probes if side == "probe" else gallery)[1, 2] = value
    with pytest.raises(NotFiniteError, match="of 2 probes have scores that are not finite"):
        search(probes, np.array([0, 1]), gallery, np.array([0, 1, 2, DISTRACTOR]))
