"""Contract suites for members, ours and other people's: what every one of a kind promises, as tests that pytest collects."""

from facenas.testing.benchmarks import BenchmarkContract
from facenas.testing.formats import FormatContract
from facenas.testing.heads import HeadContract
from facenas.testing.readers import ReaderContract

__all__ = [
    "BenchmarkContract",
    "FormatContract",
    "HeadContract",
    "ReaderContract",
]
