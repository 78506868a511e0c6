"""Searches against full orders of the scores, written from the definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facenas.errors import NotFiniteError
from facenas.eval import identification
from facenas.eval.identification import Search, cmc, search

DISTRACTOR = -100
whole = st.integers(0, 2**32).map(np.random.default_rng)


def drawn(rng: np.random.Generator, levels: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Whole numbers, whose products are exact: many ties."""
    probes, entries = rng.integers(1, 12), rng.integers(1, 40)
    gallery = rng.integers(-levels, levels + 1, (entries, 3)).astype(np.float32)
    faces = rng.integers(-levels, levels + 1, (probes, 3)).astype(np.float32)
    return faces, rng.choice([*range(5), DISTRACTOR], probes), gallery, rng.choice([*range(4), DISTRACTOR], entries)


@given(whole)
@settings(max_examples=300, deadline=None)
def test_ranks_are_those_of_a_sorted_gallery_that_puts_wrong_entries_first(rng: np.random.Generator) -> None:
    faces, people, gallery, identities = drawn(rng)
    found = search(faces, people, gallery, identities)
    for row, (face, person) in enumerate(zip(faces, people, strict=True)):
        scores = gallery @ face
        assert found.best[row] == scores.max()
        right = [k for k in range(len(gallery)) if person != DISTRACTOR and identities[k] == person]
        if not right:
            assert found.rank[row] == 0
            assert found.mate[row] == -np.inf
            continue
        order = sorted(range(len(gallery)), key=lambda k: (-scores[k], k in right))
        wrong_before = next(place for place, k in enumerate(order) if k in right)
        assert found.rank[row] == wrong_before + 1
        assert found.mate[row] == max(scores[k] for k in right)
        for k in (1, 2, 5):  # any of the k best
            assert (found.rank[row] <= k) == any(entry in right for entry in order[:k])


@given(whole, st.integers(1, 60))
@settings(max_examples=50, deadline=None)
def test_blocks_do_not_change_the_result(rng: np.random.Generator, at_once: int) -> None:
    made = drawn(rng)
    at_once_all = search(*made)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identification, "AT_ONCE", at_once)
        in_blocks = search(*made)
    for one, other in ((at_once_all.rank, in_blocks.rank), (at_once_all.best, in_blocks.best), (at_once_all.mate, in_blocks.mate)):
        np.testing.assert_array_equal(one, other)


def test_a_tied_distractor_counts_before_the_mate_and_other_mates_do_not() -> None:
    gallery, face = np.array([[1.0], [1], [1], [3]], np.float32), np.ones((1, 1), np.float32)
    assert search(face, np.array([7]), gallery, np.array([7, 7, DISTRACTOR, 7])).rank == [1]
    assert search(face, np.array([7]), gallery[:3], np.array([7, 7, DISTRACTOR])).rank == [2]
    assert search(face, np.array([DISTRACTOR]), gallery[:3], np.array([7, 7, DISTRACTOR])).rank == [0]


@given(whole, st.sampled_from([0.1, 0.25, 0.5, 1.0]))
@settings(max_examples=200, deadline=None)
def test_tpir_is_the_best_that_keeps_the_fpir(rng: np.random.Generator, fpir: float) -> None:
    probes = rng.integers(2, 60)
    rank, best = rng.integers(0, 4, probes), (rng.integers(0, 15, probes) / 10).astype(np.float32)
    rank[:2] = 0, 1
    found = Search(rank, best, np.where(rank == 1, best, np.where(rank > 1, best - 1, -np.inf)).astype(np.float32))
    strangers = best[rank == 0]
    if fpir * len(strangers) < 1:
        with pytest.raises(ValueError, match=f"FPIR {fpir:g} needs at least {round(1 / fpir)} probes .* got {len(strangers)}"):
            found.tpir_at_fpir(fpir)
        return
    kept = [t for t in [-np.inf, *best] if sum(s > t for s in strangers) <= fpir * len(strangers)]
    mated = [(r, s) for r, s in zip(rank, best, strict=True) if r > 0]
    assert found.tpir_at_fpir(fpir) == max(sum(r == 1 and s > t for r, s in mated) / len(mated) for t in kept)


def test_the_curve_joins_the_galleries_and_leaves_out_strangers() -> None:
    none = np.zeros(3, np.float32)
    found = [Search(np.array([1, 0, 3]), none, none), Search(np.array([0, 2, 0]), none, none)]
    assert cmc(found, most=3) == [(1.0, pytest.approx(1 / 3)), (2.0, pytest.approx(2 / 3)), (3.0, 1.0)]
    assert found[0].rates((1, 5)) == {1: 0.5, 5: 1.0}


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("side", ["probe", "gallery"])
def test_embeddings_that_are_not_numbers_are_refused(value: float, side: str) -> None:
    faces, gallery = np.ones((2, 3), np.float32), np.ones((4, 3), np.float32)
    (faces if side == "probe" else gallery)[1, 2] = value
    with pytest.raises(NotFiniteError, match="of 2 probes have scores that are not finite"):
        search(faces, np.array([0, 1]), gallery, np.array([0, 1, 2, DISTRACTOR]))
