"""Every head there is keeps the contract."""

from facenas.heads import HEADS
from facenas.testing import HeadContract
from tests.heads.test_heads import NO_MARGIN


class TestOurs(HeadContract):
    settings = tuple(member() for member in HEADS.members.values())
    without_margin = tuple(member(**NO_MARGIN.get(name, {"margin": 0})) for name, member in HEADS.members.items())
