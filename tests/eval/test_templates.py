"""Pooling and scoring of templates against plain loops."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facenas.errors import NotFiniteError
from facenas.eval import templates
from facenas.eval.extraction import unit
from facenas.eval.settings import Weighting
from facenas.eval.templates import PUBLISHED_WEIGHTINGS, Templates, pool, template_scores

WEIGHTINGS = [Weighting(norm=norm, detector=detector) for norm, detector in itertools.product(("keep", "unit"), (True, False))]
D = 9


def slow_pool(features: np.ndarray, template: np.ndarray, media: np.ndarray, weighting: Weighting, detector: np.ndarray) -> np.ndarray:
    pooled = []
    for name in sorted(set(template.tolist())):
        total = np.zeros(features.shape[1])
        for medium in set(media[template == name].tolist()):
            frames = []
            for row in np.flatnonzero((template == name) & (media == medium)):
                feature = features[row].astype(np.float64)
                if weighting.norm == "unit":
                    feature = feature / np.sqrt((feature**2).sum())
                if weighting.detector:
                    feature = feature * float(detector[row])
                frames.append(feature)
            total += sum(frames) / len(frames)
        pooled.append(total / np.sqrt((total**2).sum()))
    return np.array(pooled)


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.sampled_from(WEIGHTINGS))
@settings(max_examples=80, deadline=None)
def test_pooling_is_the_slow_loop(seed: int, count: int, weighting: Weighting) -> None:
    rng = np.random.default_rng(seed)
    features = (rng.normal(size=(count, D)) * rng.uniform(0.5, 30, size=(count, 1))).astype(np.float32)
    template, media = (
        rng.choice([3, 4, 7, 1000, 90_000], size=count).astype(np.int32),
        rng.choice([0, 1, 2, 70_000], size=count).astype(np.int32),
    )
    detector, before = rng.uniform(0.3, 1, size=count).astype(np.float32), features.copy()
    found = pool(features, template, media, weighting=weighting, detector_scores=detector)
    assert found.names.tolist() == sorted(set(template.tolist()))
    assert found.embeddings.dtype == np.float32
    np.testing.assert_allclose(found.embeddings, slow_pool(features, template, media, weighting, detector), atol=2e-6)
    assert np.array_equal(features, before)


def test_a_video_counts_as_much_as_a_picture_however_long_it_is() -> None:
    features = np.array([[0, 2], [2, 0], [2, 0], [2, 0]], np.float32)
    found = pool(features, np.zeros(4, np.int32), np.array([1, 2, 2, 2], np.int32), weighting=Weighting(detector=False))
    np.testing.assert_allclose(found.embeddings, [[0.5**0.5, 0.5**0.5]], atol=1e-6)


def test_one_medium_in_two_templates_is_two_media() -> None:
    features = np.array([[0, 1], [1, 0], [1, 0]], np.float32)
    found = pool(features, np.array([5, 5, 6], np.int32), np.array([1, 2, 2], np.int32), weighting=Weighting(detector=False))
    np.testing.assert_allclose(found.embeddings, [[0.5**0.5, 0.5**0.5], [1, 0]], atol=1e-6)


def test_large_numbers_of_templates_and_media_are_told_apart() -> None:
    features, media = np.array([[0, 1], [1, 0], [1, 0]], np.float32), np.array([1, 2**16 - 1, 2**16 - 1], np.int32)
    found = pool(features, np.array([2**16, 2**16, 0], np.int32), media, weighting=Weighting(detector=False))
    np.testing.assert_allclose(found.embeddings, [[1, 0], [0.5**0.5, 0.5**0.5]], atol=1e-6)


def test_a_feature_of_nothing_makes_no_nan() -> None:
    found = pool(np.zeros((2, D), np.float32), np.array([1, 2]), np.array([1, 1]), weighting=Weighting(norm="unit", detector=False))
    assert np.array_equal(found.embeddings, np.zeros((2, D)))


def test_published_weightings_give_different_templates() -> None:
    rng = np.random.default_rng(0)
    features, detector = rng.gamma(1, size=(6, D)).astype(np.float32), rng.uniform(0.1, 1, 6).astype(np.float32)
    found = {
        name: pool(features, np.arange(6) // 3, np.arange(6), weighting=weighting, detector_scores=detector).embeddings.tobytes()
        for name, weighting in PUBLISHED_WEIGHTINGS.items()
    }
    assert found["arcface_torch"] == found["ijb_evals N0D1F1"]
    assert found["CVLface"] == found["ijb_evals N1D1F1"]
    assert len(set(found.values())) == 3


def test_rows_of_templates() -> None:
    some = Templates(np.array([2, 5, 9, 40]), np.zeros((4, D), np.float32))
    assert some.rows(np.array([40, 2, 2, 9, 5])).tolist() == [3, 0, 0, 2, 1]


def assert_plain_products(embeddings: np.ndarray, first: np.ndarray, second: np.ndarray) -> None:
    slow = [float(embeddings[a].astype(np.float64) @ embeddings[b]) for a, b in zip(first, second, strict=True)]
    scores = template_scores(embeddings, first, second)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, slow, atol=1e-6)


pair_lists = st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), min_size=1, max_size=120)


@given(pair_lists, st.booleans(), st.sampled_from([1, 2, 3, 7, 512]))
@settings(max_examples=150, deadline=None)
def test_scores_are_plain_products_in_any_order(pairs: list[tuple[int, int]], ordered: bool, block: int) -> None:
    first, second = np.array(sorted(pairs) if ordered else pairs).T
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(templates, "BLOCK", block)
        assert_plain_products(unit(np.random.default_rng(0).normal(size=(20, D)).astype(np.float32)), first, second)


def test_scores_of_pairs_as_the_protocol_lays_them_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "BLOCK", 16)
    rng = np.random.default_rng(1)
    first = np.repeat(rng.permutation(400)[:90], rng.integers(1, 60, 90))
    second = rng.integers(400, size=len(first))
    assert_plain_products(unit(rng.normal(size=(400, D)).astype(np.float32)), first, second)
    assert_plain_products(unit(rng.normal(size=(400, D)).astype(np.float32)), second, first)


def test_no_pairs_have_no_scores() -> None:
    none = np.empty(0, np.int32)
    assert template_scores(np.ones((3, D), np.float32), none, none).shape == (0,)


def test_an_embedding_that_is_not_a_number_is_refused_by_its_template() -> None:
    features = np.ones((3, D), np.float32)
    features[1, 0] = np.nan
    with pytest.raises(NotFiniteError, match="1 templates are not finite numbers, for example 7"):
        pool(features, np.array([5, 7, 7]), np.array([1, 1, 2]), weighting=Weighting(detector=False))
