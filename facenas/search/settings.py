"""The settings of `facenas search`."""

from pydantic import Field

from facenas.backbones import Space
from facenas.search.dynamic_ranking import DynamicRanking, DynamicRankingSettings
from facenas.training.settings import TaskSettings


class SearchSettings(TaskSettings):
    """Settings of `facenas search`."""

    space: Space = Field(description="Search space.")
    strategy: DynamicRankingSettings = Field(DynamicRankingSettings(), description="Search algorithm.")
    validation_share: float = Field(0.25, gt=0, lt=1, description="Held out of the training data to select by.")

    def build_strategy(self) -> DynamicRanking:
        """The algorithm in its space."""
        return DynamicRanking(self.space, **self.strategy.model_dump())
