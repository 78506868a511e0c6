"""Strategies, the runner that drives them and the journal that remembers."""

from facenas.search.candidate import Candidate, Strategy, Verdict
from facenas.search.dynamic_ranking import DynamicRanking
from facenas.search.journal import Journal, Row, read_journal
from facenas.search.runner import forecast, run_search
from facenas.search.settings import SearchSettings
from facenas.training.score import Score

__all__ = [
    "Candidate",
    "DynamicRanking",
    "Journal",
    "Row",
    "Score",
    "SearchSettings",
    "Strategy",
    "Verdict",
    "forecast",
    "read_journal",
    "run_search",
]
