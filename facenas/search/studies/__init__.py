"""Studies of the search itself, as the paper reports them: functions from journal rows to results."""

from facenas.search.studies.initialisation import STARTS, InitialisationSettings, InitialisationStudy, Subset, initialisation
from facenas.search.studies.overfitting import OverfittingSettings, OverfittingStudy, overfitting, pair
from facenas.search.studies.random_baseline import Improvement, RandomSettings, RandomStudy, improvement, random_baseline
from facenas.search.studies.ranking import RankingSettings, RankingStudy, ranking
from facenas.search.studies.reward import HeadRewards, RewardSettings, RewardStudy, reward_study, rewards

__all__ = [
    "STARTS",
    "HeadRewards",
    "Improvement",
    "InitialisationSettings",
    "InitialisationStudy",
    "OverfittingSettings",
    "OverfittingStudy",
    "RandomSettings",
    "RandomStudy",
    "RankingSettings",
    "RankingStudy",
    "RewardSettings",
    "RewardStudy",
    "Subset",
    "improvement",
    "initialisation",
    "overfitting",
    "pair",
    "random_baseline",
    "ranking",
    "reward_study",
    "rewards",
]
