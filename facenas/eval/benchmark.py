"""Face benchmarks: whom to test on, the pairs, and several recognisers on the same pairs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from facenas.data import FaceSet, Pairs, balanced_pairs, test_names
from facenas.data.faces import Images
from facenas.errors import DataError
from facenas.eval.baselines import BASELINES
from facenas.eval.embed import Embeddings
from facenas.eval.settings import EvalSettings
from facenas.eval.verification import Verification, verify


@dataclass(frozen=True)
class Benchmark:
    """Photographs of people to test on, their pairs, and the remaining people, whom baselines may learn from."""

    test: FaceSet
    pairs: Pairs
    rest: FaceSet


def make_benchmark(settings: EvalSettings, *, size: int, seen: Mapping[str, Sequence[str]]) -> Benchmark:
    """Load the photographs and draw the pairs.

    Args:
        settings: Source, number of pairs, seed.
        size: Image side in pixels.
        seen: People that the model was trained on or selected by, per data set. If nothing is known of this data set, the
            test people are those that the source keeps for testing.

    Raises:
        DataError: If no two people are left to test on.
    """
    faces = settings.data.load(size)
    if faces.dataset in seen:
        names = tuple(name for name in faces.names if name not in set(seen[faces.dataset]))
    else:
        names = test_names(settings.data, faces) if settings.data.test_people else faces.names
    if len(names) < 2:
        raise DataError(f"the model was trained on all but {len(names)} of these {len(faces.names)} people; at least 2 others are needed")
    test = faces.of(names)
    rest = faces.of([name for name in faces.names if name not in set(names)])
    return Benchmark(test, balanced_pairs(test.identities, seed=settings.seed, limit=settings.most_pairs), rest)


def run_benchmark(benchmark: Benchmark, embed: Callable[[Images], Embeddings]) -> Verification:
    """Verify the benchmark's pairs with unit embeddings of its photographs."""
    return verify(embed(benchmark.test.images), benchmark.pairs)


def run_baselines(benchmark: Benchmark) -> dict[str, Verification]:
    """Classical recognisers, fitted to the remaining people, on the same pairs."""
    if len(benchmark.rest.names) < 2:
        raise DataError("baselines learn from people that are not tested on, and there are none; set data.test_people")
    return {name: run_benchmark(benchmark, fit(benchmark.rest)) for name, fit in BASELINES.items()}
