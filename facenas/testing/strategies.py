"""What every strategy promises."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from facenas.backbones import PlainSpace
from facenas.backbones.architecture import Architecture
from facenas.errors import FacenasError
from facenas.score import Score
from facenas.search.bounds import Bounds
from facenas.search.candidate import Candidate, Verdict
from facenas.search.strategy import StrategySection
from facenas.testing import replaying
from facenas.testing.members import check_settings, each
from facenas.testing.replaying import TOTAL, build, drawn, replay, told

MOST = 10_000  # candidates within which a strategy that ends by itself has ended
ANOTHER_HASH = {"PYTHONHASHSEED": "17"}
RUN = "import json, runpy, sys; sys.path[:] = json.loads(sys.argv[2]); runpy.run_path(sys.argv[1], run_name='__main__')"


class StrategyContract:
    """Tests of a strategy; a subclass whose name begins with Test names the settings, and pytest does the rest.

        class TestMine(facenas.testing.StrategyContract):
            settings = Mine()

    Attributes:
        settings: Settings of the strategy, or several.
        space: The search space that it is tried in.
    """

    settings: StrategySection | Sequence[StrategySection]
    space: Any = PlainSpace()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each test that takes `strategy` with each of the settings."""
        each(metafunc, "strategy", self.settings)

    def test_its_settings_have_a_name_and_survive_json(self, strategy: StrategySection) -> None:
        """The settings can be chosen by `strategy.name`, and kept in `config.yaml`."""
        check_settings(strategy)
        strategy.check(self.space)

    @pytest.mark.parametrize("seed", range(3))
    def test_stays_in_its_space_and_its_bounds(self, strategy: StrategySection, seed: int) -> None:
        """Candidates lie in the space and the bounds whatever the scores are, and a journal gets back every one that it was given.

        Args:
            strategy: Settings of the strategy.
            seed: Seed of the scores.
        """
        for candidate in replay(build(strategy, self.space), drawn(seed, 12))[0]:
            self.space.check(candidate.architecture)
            assert Candidate.model_validate_json(candidate.model_dump_json()) == candidate
            if isinstance(strategy, Bounds) and candidate.scale == "macro":
                _check_bounds(strategy, candidate.architecture, self.space)

    @pytest.mark.parametrize("length", [0, 1, 4, 7])
    def test_resumes_exactly(self, strategy: StrategySection, length: int) -> None:
        """An interrupted search goes on as if it had not been, whatever the strategy was fed before.

        Args:
            strategy: Settings of the strategy.
            length: Number of scores that the interrupted search had seen.
        """
        scores, used = drawn(1, 12), build(strategy, self.space)
        whole = replay(build(strategy, self.space), scores)
        replay(used, drawn(2, 12))
        asked, verdicts = replay(used, scores[:length])
        assert asked == whole[0][: len(asked)]
        assert verdicts == whole[1][: len(verdicts)]
        assert replay(used, scores) == whole

    def test_resumes_exactly_in_another_process(self) -> None:
        """A process with other hashes gives the same candidates, so no order of a set decides; it does not load torch.

        Only stages of shared weights may load torch.
        """
        several = self._several()
        given = {"space": told(self.space), "strategies": [told(one) for one in several]}
        command = [sys.executable, "-c", RUN, str(Path(replaying.__file__)), json.dumps(sys.path)]
        ended = subprocess.run(command, input=json.dumps(given), env=os.environ | ANOTHER_HASH, capture_output=True, text=True, check=False)
        assert not ended.returncode, ended.stderr
        there = json.loads(ended.stdout)
        assert there["fingerprints"] == [replaying.fingerprint(one, self.space) for one in several]
        assert not there["torch"], "a strategy loads torch when it is imported"

    def test_accepts_no_candidate_that_is_over_a_limit(self, strategy: StrategySection) -> None:
        """A search whose candidates are all over a limit accepts none; it may end, with a sentence where there is nothing to choose."""
        verdicts: list[Verdict] = []
        plan = build(strategy, self.space).search(verdicts.append)
        next(plan)
        try:
            for _ in range(20):
                plan.send(Score(correct=0, total=TOTAL, refused=True))
        except (StopIteration, FacenasError):
            pass
        assert verdicts and "accepted" not in {verdict.outcome for verdict in verdicts}

    @pytest.mark.parametrize("correct", [100, 900])
    def test_ends_if_it_says_so(self, strategy: StrategySection, correct: int) -> None:
        """A strategy that ends does so with an architecture that it has asked for; another has accepted one for the runner to take.

        Args:
            strategy: Settings of the strategy.
            correct: Number of correct answers, of 1000, in every score.
        """
        verdicts: list[Verdict] = []
        plan, asked = build(strategy, self.space).search(verdicts.append), list[Architecture]()
        candidate, found = next(plan), None
        for _ in range(MOST if strategy.ends else 30):
            asked.append(candidate.architecture)
            try:
                candidate = plan.send(Score(correct=correct, total=TOTAL))
            except StopIteration as end:
                found = end.value
                break
        assert (found in asked) == strategy.ends
        assert "accepted" in {verdict.outcome for verdict in verdicts}

    def _several(self) -> list[StrategySection]:
        return [self.settings] if isinstance(self.settings, StrategySection) else list(self.settings)


def _check_bounds(bounds: Bounds, architecture: Architecture, space: Any) -> None:
    ranges = bounds.ranges(space)
    for value, values in ((architecture.depth, ranges["depths"]), (architecture.width, ranges["widths"])):
        assert values[0] <= value <= values[-1]
