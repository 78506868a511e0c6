"""Strategies that are fed with scores: also a script, which does so in a process of its own that loads nothing else."""

import json
import sys
from collections.abc import Sequence
from importlib import import_module
from random import Random
from typing import Any

from facenas.backbones.space import SearchSpace
from facenas.errors import FacenasError
from facenas.score import Score
from facenas.search.candidate import Candidate, Strategy, Verdict
from facenas.search.strategy import SharedWeightsSection, StrategySection
from facenas.section import Section

TOTAL = 1000  # validation items of the scores


def build(settings: StrategySection, space: Any, seed: int = 0) -> Strategy:
    """The search algorithm of a strategy's settings; one that follows shared weights is given a shortlist of two.

    Args:
        settings: Settings of the strategy.
        space: Search space.
        seed: Seed of the search.
    """
    if not isinstance(settings, SharedWeightsSection):
        return settings.build(space, seed)
    depth = 10 * space.depth_step
    random, bounds = Random(seed), {"depths": range(depth, depth + 1), "widths": range(16, 33)}
    return settings.build(space, seed, [space.sample(random, **bounds) for _ in range(2)])


def replay(strategy: Strategy, scores: Sequence[Score]) -> tuple[list[Candidate], list[Verdict]]:
    """The candidates asked for, one more than there are scores unless the search ends, and the verdicts.

    Args:
        strategy: The search algorithm.
        scores: Scores that it is sent, one for each candidate.
    """
    verdicts: list[Verdict] = []
    plan = strategy.search(verdicts.append)
    asked = [next(plan)]
    for number, score in enumerate(scores, 1):
        assert len(verdicts) == number - 1, "one verdict for each score, before the next candidate"
        try:
            asked.append(plan.send(score))
        except (StopIteration, FacenasError):  # such as that there is nothing to choose from
            break
    assert len(verdicts) in (len(asked), len(asked) - 1)
    return asked, verdicts


def drawn(seed: int, count: int, *, refused: float = 0.2) -> list[Score]:
    """Random scores.

    Args:
        seed: Seed of the draws.
        count: Number of scores.
        refused: Share of candidates that are over a limit.
    """
    random = Random(seed)
    correct = [None if random.random() < refused else random.randint(0, TOTAL) for _ in range(count)]
    return [Score(correct=one or 0, total=TOTAL, refused=one is None) for one in correct]


def told(section: Section) -> list[str]:
    """A group of settings as text: module and name of its class, and its values."""
    return [type(section).__module__, type(section).__qualname__, section.model_dump_json()]


def made(module: str, name: str, values: str) -> Any:
    """A group of settings from the text that `told` makes of it.

    Args:
        module: Name of the module of its class.
        name: Name of its class in the module.
        values: Its values, as JSON.
    """
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found.model_validate_json(values)


def fingerprint(settings: StrategySection, space: SearchSpace) -> str:
    """The candidates and verdicts of a strategy that is fed with random scores, as text.

    Args:
        settings: Settings of the strategy.
        space: Search space.
    """
    asked, verdicts = replay(build(settings, space), drawn(0, 12))
    return json.dumps([[one.model_dump(mode="json") for one in some] for some in (asked, verdicts)])


if __name__ == "__main__":
    given = json.load(sys.stdin)
    found = [fingerprint(made(*one), made(*given["space"])) for one in given["strategies"]]
    print(json.dumps({"torch": "torch" in sys.modules, "fingerprints": found}))
