"""Benchmarks of pairs that come with their pictures and their pairs in files."""

from dataclasses import replace

from pydantic import Field

from facenas.data import VerificationSet
from facenas.data.face_files import Decoding, Shape
from facenas.data.faces import Size
from facenas.eval.benchmark import BenchmarkFiles, Conditions
from facenas.eval.verification import PairBenchmark, pair_benchmark


class PairFiles(BenchmarkFiles):
    """A benchmark of pairs in files; its own class adds `name` and `open`."""

    shape: Shape = Field(
        "refuse", description="What is done with pictures of other proportions than the network's: refuse, stretch, the middle (centre)."
    )

    def open(self, size: Size) -> VerificationSet:
        """Open the pairs, with photographs that are read when they are asked for.

        Args:
            size: Size of a photograph in pixels: its side, or height and width.

        Raises:
            DataError: If the files are missing or damaged.
        """
        raise NotImplementedError

    def benchmark(self, conditions: Conditions) -> PairBenchmark:
        """Open the pairs for the ten-fold protocol; pictures of other proportions are treated as the settings say."""
        images = self.open(conditions.size)
        if isinstance(images.photographs, Decoding):
            images = replace(images, photographs=replace(images.photographs, shape=self.shape))
        return pair_benchmark(images, replicates=conditions.replicates, seed=conditions.seed, most_missing=self.most_missing)
