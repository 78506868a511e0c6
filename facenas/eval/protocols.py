"""The benchmarks that exist."""

from collections.abc import Mapping, Sequence

from facenas.data.benchmarks.settings import IjbFiles, PairList, TinyFaceFiles, VerificationFiles
from facenas.data.faces import Size
from facenas.data.looks import Looks
from facenas.eval.benchmark import Benchmark
from facenas.eval.drawn import drawn_benchmark
from facenas.eval.ijb import ijb_benchmark
from facenas.eval.settings import EvalSettings
from facenas.eval.tinyface import tinyface_benchmark
from facenas.eval.verification import pair_benchmark


def make_benchmark(settings: EvalSettings, *, size: Size, seen: Mapping[str, Sequence[str]], looks: Sequence[Looks] = ()) -> Benchmark:
    """Open the benchmark that the settings name.

    Args:
        settings: Its files and how it is run.
        size: Of an image in pixels.
        seen: People that the model was trained on or selected by, per data set.
        looks: Of their photographs, by which they are known in other data sets.

    Raises:
        DataError: If its files are missing or damaged, or nobody is left to test on.
    """
    source = settings.data
    if isinstance(source, VerificationFiles | PairList):
        images = source.open(size)
        return pair_benchmark(images, replicates=settings.replicates, seed=settings.seed, most_missing=source.most_missing)
    if isinstance(source, IjbFiles):
        return ijb_benchmark(source.open(size), settings.weighting, source.most_missing)
    if isinstance(source, TinyFaceFiles):
        return tinyface_benchmark(source.open(size), source.most_missing)
    return drawn_benchmark(source, settings, size=size, seen=seen, looks=looks)
