"""Strategies, the runner that drives them and the journal that remembers."""

from typing import TYPE_CHECKING

from facenas.lazily import lazily

if TYPE_CHECKING:
    from facenas.locks import locked
    from facenas.score import Score
    from facenas.search.baseline import BaselineSettings, Judge
    from facenas.search.bounds import Bounds
    from facenas.search.cache import ResultCache
    from facenas.search.candidate import Candidate, Strategy, Verdict
    from facenas.search.executors import InProcess, Processes
    from facenas.search.journal import Journal
    from facenas.search.limits import Budget, Limits
    from facenas.search.reading import open_journal, read_journal
    from facenas.search.row import NetworkCost, Row
    from facenas.search.runner import Runner
    from facenas.search.settings import SearchSettings
    from facenas.search.speculation import forecast, likely_next
    from facenas.search.strategies.dynamic_ranking import DynamicRanking
    from facenas.search.strategy import STRATEGIES, SharedWeightsSection, StrategySection

__all__ = [
    "STRATEGIES",
    "BaselineSettings",
    "Bounds",
    "Budget",
    "Candidate",
    "DynamicRanking",
    "InProcess",
    "Journal",
    "Judge",
    "Limits",
    "NetworkCost",
    "Processes",
    "ResultCache",
    "Row",
    "Runner",
    "Score",
    "SearchSettings",
    "SharedWeightsSection",
    "Strategy",
    "StrategySection",
    "Verdict",
    "forecast",
    "likely_next",
    "locked",
    "open_journal",
    "read_journal",
]
__getattr__ = lazily(
    __name__,
    {
        "facenas.locks": ("locked",),
        "facenas.search.baseline": ("BaselineSettings", "Judge"),
        "facenas.search.bounds": ("Bounds",),
        "facenas.search.cache": ("ResultCache",),
        "facenas.search.candidate": ("Candidate", "Strategy", "Verdict"),
        "facenas.search.strategies.dynamic_ranking": ("DynamicRanking",),
        "facenas.search.executors": ("InProcess", "Processes"),
        "facenas.search.journal": ("Journal",),
        "facenas.search.limits": ("Budget", "Limits"),
        "facenas.search.reading": ("open_journal", "read_journal"),
        "facenas.search.row": ("NetworkCost", "Row"),
        "facenas.search.runner": ("Runner",),
        "facenas.search.settings": ("SearchSettings",),
        "facenas.search.speculation": ("forecast", "likely_next"),
        "facenas.search.strategy": ("STRATEGIES", "SharedWeightsSection", "StrategySection"),
        "facenas.score": ("Score",),
    },
)
