"""Strategies, the runner that drives them and the journal that remembers."""

from facenas.locks import locked
from facenas.search.cache import ResultCache
from facenas.search.candidate import Candidate, Strategy, Verdict
from facenas.search.dynamic_ranking import DynamicRanking
from facenas.search.executors import InProcess, Processes
from facenas.search.journal import Journal, open_journal, read_journal
from facenas.search.limits import Budget, Limits
from facenas.search.row import Price, Row
from facenas.search.runner import Runner
from facenas.search.settings import SearchSettings
from facenas.search.speculation import forecast, likely_next
from facenas.training.score import Score

__all__ = [
    "Budget",
    "Candidate",
    "DynamicRanking",
    "InProcess",
    "Journal",
    "Limits",
    "Price",
    "Processes",
    "ResultCache",
    "Row",
    "Runner",
    "Score",
    "SearchSettings",
    "Strategy",
    "Verdict",
    "forecast",
    "likely_next",
    "locked",
    "open_journal",
    "read_journal",
]
