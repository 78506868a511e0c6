"""Contract suites for members, ours and other people's: what every one of a kind promises, as tests that pytest collects."""

from facenas.testing.spaces import NetworkContract, SpaceContract
from facenas.testing.strategies import StrategyContract

__all__ = [
    "NetworkContract",
    "SpaceContract",
    "StrategyContract",
]
