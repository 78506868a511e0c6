"""The settings of `facenas search`."""

from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from facenas.backbones import Architecture, Space
from facenas.search.candidate import Strategy
from facenas.search.limits import Budget, Limits
from facenas.search.strategies.dynamic_ranking import DynamicRankingSettings
from facenas.search.strategy import SharedWeightsSection, StrategySettings
from facenas.training.recipe import Recipe
from facenas.training.schedule import PublishedCosine
from facenas.training.settings import TaskSettings
from facenas.training.tasks import Task

# What a candidate's training depends on.
SEEDED = ("data", "validation_share", "head", "sample_rate", "face_augmentation", "augmentation", "recipe", "seed", "space")
PAPER_WARNING = (
    "protocol: paper - candidates are selected on the TEST set, at its best epoch, as the published code does; "
    "these scores are no estimate of accuracy on new data"
)


class SearchSettings(TaskSettings):
    """Settings of `facenas search`."""

    space: Space = Field(description="Search space.")
    strategy: StrategySettings = Field(DynamicRankingSettings(), description="Search algorithm.")
    validation_share: float = Field(0.25, gt=0, lt=1, description="Held out of the training data to select by.")
    limits: Limits = Field(Limits(), description="What a candidate may cost.")
    budget: Budget = Field(Budget(), description="What the whole search may cost.")
    protocol: Literal["honest", "paper"] = Field(
        "honest", description="honest: the last epoch, on validation data; paper: the best epoch, on the test set, as published."
    )
    data_fraction: float = Field(1.0, gt=0, le=1, description="Stratified share of the training images to search with.")
    every_epoch: bool = Field(False, description="Validate after every epoch, for the learning curves.")
    threads: int | None = Field(None, ge=1, description="CPU threads of one candidate; null: the cores, shared by the workers, for good.")

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if not self.strategy.ends and self.budget == Budget():
            raise ValueError(f"strategy {self.strategy.name} never ends by itself: set budget.trials, budget.epochs or budget.hours")
        return self

    @model_validator(mode="after")
    def _within_the_space(self) -> Self:
        """What the strategy needs and the space has not is refused before any data is read."""
        self.strategy.check(self.space)
        return self

    def build_strategy(self, shortlist: Sequence[Architecture] = ()) -> Strategy:
        """The algorithm in its space; of a search with shared weights, what follows its `shortlist`."""
        if isinstance(self.strategy, SharedWeightsSection):
            return self.strategy.build(self.space, self.seed, shortlist)
        return self.strategy.build(self.space, self.seed)

    def load_task(self) -> Task:
        """Training and validation data, as the protocol has them."""
        return self.task(self.space, on_test=self.protocol == "paper", fraction=self.data_fraction)

    def published_recipe(self) -> Recipe:
        """The recipe, with the published code's learning rate if its protocol is asked for."""
        return self.recipe.model_copy(update={"schedule": PublishedCosine()}) if self.protocol == "paper" else self.recipe

    def seeded(self) -> dict[str, Any]:
        """What a candidate's seed is derived from, besides the candidate: the same wherever the data lies, and in later versions."""
        told = self.telling()
        data = {key: value for key, value in told["data"].items() if key != "root"}
        return {key: told[key] for key in SEEDED if key in told} | {"data": data}

    def warnings(self) -> list[str]:
        """What a reader of the results must know."""
        return [PAPER_WARNING] if self.protocol == "paper" else []
