"""Pairs that are drawn from a set of faces, of people that a model has not seen."""

from facenas.data import FaceSource, balanced_pairs, test_names
from facenas.errors import DataError, NobodyUnseenError
from facenas.eval.baselines import BASELINES
from facenas.eval.benchmark import Conditions
from facenas.eval.met import people_met
from facenas.eval.pictures import in_memory_pictures
from facenas.eval.verification import PairBenchmark, Verification


def drawn_benchmark(source: FaceSource, conditions: Conditions) -> PairBenchmark:
    """Load the photographs and draw pairs of people that the model has not seen.

    If nothing is known of this data set, the test people are those that the source keeps for testing. People who are known by their looks
    are left out, whatever the data set and they are called.

    Args:
        source: The set of faces that pairs are drawn from.
        conditions: Number of pairs, seed, size, and whom the model has seen.

    Raises:
        NobodyUnseenError: If no two people are left to test on.
    """
    faces, seen = source.load(conditions.size), conditions.seen
    named, met = set(seen.get(faces.dataset, ())), people_met(faces, conditions.looks)
    if faces.dataset in seen or met:
        names = tuple(name for name in faces.names if name not in named | met)
    else:
        names = test_names(source, faces) if source.test_people else faces.names
    if len(names) < 2:
        known = f"the model was trained on all but {len(names)} of these {len(faces.names)} people"
        raise NobodyUnseenError(f"{known}; at least 2 others are needed")
    test = faces.of(names)
    pairs = balanced_pairs(test.identities, seed=conditions.seed, limit=conditions.most_pairs)
    rest = faces.of([name for name in faces.names if name not in set(names)])
    others = met - named
    remark = f"{len(others)} of {len(faces.names)} people are known by their photographs, and left out: the model has seen them elsewhere"
    return PairBenchmark(
        source.name, in_memory_pictures(test), pairs, test.identities, remark if others else "",
        replicates=conditions.replicates, seed=conditions.seed, faces=test, rest=rest,
    )  # fmt: skip


def run_baselines(benchmark: PairBenchmark) -> dict[str, Verification]:
    """Measure classical recognisers, fitted to the people that are not tested on, on the same pairs.

    Raises:
        DataError: If there are no such people to learn from.
    """
    if benchmark.rest is None or benchmark.faces is None or len(benchmark.rest.names) < 2:
        raise DataError("baselines learn from people that are not tested on, and there are none; set data.test_people")
    images, rest = benchmark.faces.images, benchmark.rest
    return {name: benchmark.measure(fit(rest)(images)) for name, fit in BASELINES.items()}
