"""Contract suites for members, ours and other people's: what every one of a kind promises, as tests that pytest collects."""

from facenas.testing.benchmarks import BenchmarkContract
from facenas.testing.formats import FormatContract
from facenas.testing.heads import HeadContract
from facenas.testing.readers import ReaderContract
from facenas.testing.spaces import NetworkContract, SpaceContract
from facenas.testing.strategies import StrategyContract

__all__ = [
    "BenchmarkContract",
    "FormatContract",
    "HeadContract",
    "NetworkContract",
    "ReaderContract",
    "SpaceContract",
    "StrategyContract",
]
