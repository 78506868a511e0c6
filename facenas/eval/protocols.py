"""From the settings of an evaluation to a benchmark that is ready to be run."""

from collections.abc import Mapping, Sequence

from facenas.data.faces import Size
from facenas.data.looks import Looks
from facenas.eval.benchmark import Benchmark, BenchmarkSection, Conditions
from facenas.eval.drawn import drawn_benchmark
from facenas.eval.settings import EvalSettings


def make_benchmark(settings: EvalSettings, *, size: Size, seen: Mapping[str, Sequence[str]], looks: Sequence[Looks] = ()) -> Benchmark:
    """Open the benchmark that the settings name; from a source of faces, pairs are drawn.

    Args:
        settings: Settings of the benchmark: its files, and how it is run.
        size: Size of an image in pixels: its side, or height and width.
        seen: People that the model was trained on or selected by, per data set.
        looks: Looks of their photographs, by which they are known in other data sets.

    Raises:
        DataError: If its files are missing or damaged, or nobody is left to test on.
    """
    conditions = Conditions(
        size, seen, looks,
        most_pairs=settings.most_pairs, weighting=settings.weighting, replicates=settings.replicates, seed=settings.seed,
    )  # fmt: skip
    if isinstance(settings.data, BenchmarkSection):
        return settings.data.benchmark(conditions)
    return drawn_benchmark(settings.data, conditions)
