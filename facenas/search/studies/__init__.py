"""Studies of the search itself, as the paper reports them: functions from journal rows to results."""

from facenas.search.studies.initialisation import STARTS, InitialisationSettings, InitialisationStudy, Subset, initialisation
from facenas.search.studies.random_baseline import Improvement, RandomSettings, RandomStudy, improvement, random_baseline
from facenas.search.studies.ranking import RankingSettings, RankingStudy, ranking

__all__ = [
    "STARTS",
    "Improvement",
    "InitialisationSettings",
    "InitialisationStudy",
    "RandomSettings",
    "RandomStudy",
    "RankingSettings",
    "RankingStudy",
    "Subset",
    "improvement",
    "initialisation",
    "random_baseline",
    "ranking",
]
