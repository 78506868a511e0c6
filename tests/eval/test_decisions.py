"""What models are compared by: the shares of right decisions are the headline rates, and each belongs to one person."""

from itertools import combinations
from unittest.mock import Mock

import numpy as np
import pytest

from facenas.data import IJB, TinyFace
from facenas.data.benchmarks.ijb import TemplateSubjects
from facenas.eval.benchmarks.ijb import TemplateBenchmark
from facenas.eval.benchmarks.tinyface import GalleryBenchmark
from facenas.eval.bootstrap import difference
from facenas.eval.settings import Weighting

PEOPLE, EACH, D = 60, 3, 16
subjects = np.repeat(np.arange(PEOPLE), EACH)


def embeddings(noise: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    faces = rng.normal(size=(PEOPLE, D))[subjects] + noise * rng.normal(size=(PEOPLE * EACH, D))
    return faces.astype(np.float32)


@pytest.fixture
def templates() -> TemplateBenchmark:
    """All pairs of 180 templates of one photograph; a third of them probes, of 60 people, half of them in either gallery."""
    numbers = np.arange(PEOPLE * EACH, dtype=np.int32)
    first, second = np.array([*combinations(numbers, 2)], np.int32).T
    galleries = tuple(TemplateSubjects(numbers[some], subjects[some]) for some in (slice(0, 90, 3), slice(90, 180, 3)))
    data = IJB(
        name="ijbc", photographs=Mock(), names=np.array([b""]), points=np.empty((180, 5, 2), np.float32),
        detector_scores=np.ones(180, np.float32), template=numbers + 7, media=numbers, pair_first=first + 7, pair_second=second + 7,
        pair_same=subjects[first] == subjects[second], galleries=tuple(TemplateSubjects(g.templates + 7, g.subjects) for g in galleries),
        probes=TemplateSubjects(numbers[1::3] + 7, subjects[1::3]), remark="",
    )  # fmt: skip
    return TemplateBenchmark(data, Mock(), Weighting())


def test_decisions_of_templates(templates: TemplateBenchmark) -> None:
    features = embeddings(0.5)
    figures, (tar, rank) = templates.measure(features), templates.decisions(features)
    assert (tar.rate, rank.rate) == ("TAR@FAR 1e-04", "rank 1")
    assert 0.2 < tar.right.mean() == figures.tar_at_far["1e-04"] < 1
    assert 0.3 < rank.right.mean() == figures.rank["1"] < 1
    assert len(np.unique(tar.subjects)) == len(np.unique(rank.subjects)) == PEOPLE
    assert np.array_equal(tar.subjects[tar.pairs.first], tar.subjects[tar.pairs.second])


def test_a_better_network_is_found_better(templates: TemplateBenchmark) -> None:
    better, worse = (templates.decisions(embeddings(noise)) for noise in (0.5, 1.2))
    for one, other in zip(better, worse, strict=True):
        found = difference(one, other)
        assert found.p < 0.01
        assert 0 < found.interval.low < found.value < found.interval.high


def test_without_enough_impostors_the_searches_are_compared_alone(templates: TemplateBenchmark) -> None:
    data = templates.data
    some = slice(0, 5000)
    few = TemplateBenchmark(
        IJB(**{**vars(data), **{key: getattr(data, key)[some] for key in ("pair_first", "pair_second", "pair_same")}}), Mock(), Weighting()
    )
    assert [one.rate for one in few.decisions(embeddings(0.5))] == ["rank 1"]


def test_decisions_of_tinyface() -> None:
    rows = np.arange(PEOPLE * EACH)
    gallery, probes = rows[rows % 3 > 0], rows[::3]
    identities = np.where(subjects[gallery] < 50, subjects[gallery], -100)
    found = probes[subjects[probes] < 50]
    data = TinyFace(Mock(), len(rows), found, subjects[found], gallery, identities, aligned=True, remark="")
    benchmark, features = GalleryBenchmark(data, Mock()), embeddings(0.8)
    (rank,) = benchmark.decisions(features)
    assert 0.3 < rank.right.mean() == benchmark.measure(features).rank["1"] < 1
    assert np.array_equal(rank.subjects, subjects[found])
