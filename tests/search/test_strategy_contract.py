"""The contract of strategies finds strategies that break it, each by the test that is meant to."""

from collections.abc import Iterator
from itertools import count
from typing import ClassVar, Literal

import pytest

from facenas.backbones import PlainSpace
from facenas.backbones.architecture import Architecture
from facenas.backbones.space import SearchSpace
from facenas.search.bounds import Bounds
from facenas.search.candidate import Candidate, Log, Plan, Verdict, ignore
from facenas.testing import StrategyContract

SPACE = PlainSpace()
calls = count()


class Broken(Bounds):
    """Grows for three candidates and takes the last, but for its fault."""

    ends: ClassVar[bool] = True
    name: Literal["broken"] = "broken"
    fault: str = ""

    def build(self, space: SearchSpace, seed: int) -> "Growing":
        return Growing(self, space)


class Growing:
    """A strategy with a fault."""

    def __init__(self, settings: Broken, space: SearchSpace) -> None:
        self.settings, self.space, self.fault = settings, space, settings.fault

    def search(self, log: Log = ignore) -> Plan:
        for architecture in self._architectures():
            score = yield Candidate(architecture=architecture, epochs=1, phase="grow")
            if self.fault != "says nothing":
                log(Verdict(outcome="rejected" if score.refused and self.fault != "takes all" else "accepted", reason="it is there"))
        return architecture.replace(width=99) if self.fault == "returns another" else architecture

    def _architectures(self) -> Iterator[Architecture]:
        for number in count() if self.fault == "does not end" else range(3):
            width = {"leaves its bounds": 65 + number, "remembers": 16 + next(calls) % 40}.get(self.fault, 16 + number % 40)
            yield self.space.start(depth=10, width=width)


def run(fault: str) -> None:
    contract, settings = type("TestBroken", (StrategyContract,), {"settings": Broken(fault=fault)})(), Broken(fault=fault)
    contract.test_its_settings_have_a_name_and_survive_json(settings)
    contract.test_stays_in_its_space_and_its_bounds(settings, 0)
    contract.test_resumes_exactly(settings, 2)
    contract.test_accepts_no_candidate_that_is_over_a_limit(settings)
    contract.test_ends_if_it_says_so(settings, 900)


def test_a_strategy_without_a_fault_keeps_it() -> None:
    run("")


@pytest.mark.parametrize(
    ("fault", "where"),
    [
        ("leaves its bounds", "test_stays_in_its_space_and_its_bounds"),
        ("says nothing", "test_stays_in_its_space_and_its_bounds"),
        ("remembers", "test_resumes_exactly"),
        ("takes all", "test_accepts_no_candidate_that_is_over_a_limit"),
        ("returns another", "test_ends_if_it_says_so"),
        ("does not end", "test_ends_if_it_says_so"),
    ],
)
def test_a_fault_is_found_by_its_test(fault: str, where: str) -> None:
    with pytest.raises(AssertionError) as found:
        run(fault)
    assert where in [entry.name for entry in found.traceback]
