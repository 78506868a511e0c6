"""Pooled templates and their scores against plain loops."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facenas.errors import NotFiniteError
from facenas.eval import templates
from facenas.eval.settings import Weighting
from facenas.eval.templates import PUBLISHED_WEIGHTINGS, pool, template_scores

whole = st.integers(0, 2**32).map(np.random.default_rng)


def photographs(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    count = rng.integers(1, 60)
    features = (rng.normal(0, 1, (count, 8)) * rng.uniform(0.1, 20, (count, 1))).astype(np.float32)
    return features, rng.choice([2, 3, 5, 900], count), rng.integers(0, 4, count), rng.uniform(0.1, 1, count).astype(np.float32)


def pooled_by_hand(
    features: np.ndarray, template: np.ndarray, media: np.ndarray, detector: np.ndarray, *, unit: bool, weighed: bool
) -> dict[int, np.ndarray]:
    found = {}
    for name in sorted(set(template.tolist())):
        total = np.zeros(features.shape[1])
        for medium in set(media[template == name].tolist()):
            chosen = [row for row in range(len(features)) if (template[row], media[row]) == (name, medium)]
            total += np.mean(
                [
                    features[row].astype(np.float64) / (np.linalg.norm(features[row]) if unit else 1) * (detector[row] if weighed else 1)
                    for row in chosen
                ],
                axis=0,
            )
        found[name] = total / np.linalg.norm(total)
    return found


@given(whole, st.booleans(), st.booleans())
@settings(max_examples=100, deadline=None)
def test_pooling_averages_a_medium_and_sums_the_media(rng: np.random.Generator, unit: bool, weighed: bool) -> None:
    features, template, media, detector = photographs(rng)
    weighting = Weighting(norm="unit" if unit else "keep", detector=weighed)
    found = pool(features, template, media, weighting=weighting, detector_scores=detector)
    wanted = pooled_by_hand(features, template, media, detector, unit=unit, weighed=weighed)
    assert found.names.tolist() == [*wanted]
    np.testing.assert_allclose(found.embeddings, np.stack([*wanted.values()]), atol=3e-5)  # sums may nearly cancel
    assert found.embeddings.dtype == np.float32
    np.testing.assert_array_equal(found.rows(found.names[::-1]), np.arange(len(wanted))[::-1])


def test_the_frames_of_a_video_count_as_one_in_their_template_only() -> None:
    features = np.eye(4, dtype=np.float32)[[0, 0, 0, 1, 2]]
    template, media = np.array([1, 1, 1, 1, 2]), np.array([8, 8, 8, 9, 8])
    found = pool(features, template, media, weighting=Weighting(detector=False)).embeddings
    np.testing.assert_allclose(found[0], [0.5**0.5, 0.5**0.5, 0, 0], atol=1e-6)
    np.testing.assert_allclose(found[1], [0, 0, 1, 0], atol=1e-6)


def test_the_published_tables_weighting() -> None:
    """`process_embeddings` of `ijb_evals.py`, N0 without and N1 with `use_norm_score`, which normalises."""
    rng = np.random.default_rng(0)
    features, template, media, detector = photographs(rng)
    for name, unit, weighed in (
        ("arcface_torch", False, True),
        ("ijb_evals N0D1F1", False, True),
        ("ijb_evals N1D1F1", True, True),
        ("AdaFace", False, False),
        ("CVLface", True, True),
    ):
        found = pool(features, template, media, weighting=PUBLISHED_WEIGHTINGS[name], detector_scores=detector).embeddings
        wanted = pooled_by_hand(features, template, media, detector, unit=unit, weighed=weighed)
        np.testing.assert_allclose(found, np.stack([*wanted.values()]), atol=3e-5)
    assert PUBLISHED_WEIGHTINGS["arcface_torch"] == Weighting()


def test_an_embedding_that_is_not_a_number_is_refused_by_the_template() -> None:
    features = np.ones((3, 2), np.float32)
    features[1, 0] = np.nan
    with pytest.raises(NotFiniteError, match="1 templates are not finite numbers, for example 7"):
        pool(features, np.array([5, 7, 7]), np.array([1, 1, 2]), weighting=Weighting(detector=False))


@pytest.mark.parametrize("block", [1, 3, 512])
@given(rng=whole, layout=st.sampled_from(["arbitrary", "runs", "one", "none"]), dtype=st.sampled_from([np.int32, np.int64]))
@settings(max_examples=60, deadline=None)
def test_scores_are_products_in_the_order_of_the_pairs(block: int, rng: np.random.Generator, layout: str, dtype: Any) -> None:
    count = int(rng.integers(2, 30))
    embeddings = rng.integers(-3, 4, (count, 4)).astype(np.float32)  # exact products
    first, second = rng.integers(0, count, (2, {"none": 0, "one": 1}.get(layout, 200))).astype(dtype)
    if layout == "runs":
        first, second = np.sort(first // 3), count - 1 - second // 3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(templates, "BLOCK", block)
        found = template_scores(embeddings, first, second)
    np.testing.assert_array_equal(found, [embeddings[a] @ embeddings[b] for a, b in zip(first, second, strict=True)])
    assert found.dtype == np.float32
