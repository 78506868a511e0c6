"""Strategies, the runner that drives them and the journal that remembers."""

from facenas.search.candidate import Candidate, Strategy, Verdict
from facenas.search.dynamic_ranking import DynamicRanking
from facenas.training.score import Score

__all__ = ["Candidate", "DynamicRanking", "Score", "Strategy", "Verdict"]
