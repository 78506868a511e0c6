"""The settings of `facenas search`."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from facenas.backbones import Architecture, Space
from facenas.search.allegro import AllegroSettings
from facenas.search.bounds import Bounds
from facenas.search.candidate import Strategy
from facenas.search.dynamic_ranking import DynamicRanking, DynamicRankingSettings
from facenas.search.limits import Budget, Limits
from facenas.search.nar import NARSettings
from facenas.search.nsga2 import NSGA2, NSGA2Settings
from facenas.search.random_search import RandomSearch, RandomSearchSettings
from facenas.search.regularized_evolution import RegularizedEvolution, RegularizedEvolutionSettings
from facenas.search.sample import Sample, SampleSettings
from facenas.search.tpe import TPE, TPESettings
from facenas.training.recipe import Recipe
from facenas.training.schedule import PublishedCosine
from facenas.training.settings import TaskSettings
from facenas.training.tasks import Task

STRATEGIES: dict[str, Any] = {
    "dynamic_ranking": DynamicRanking,
    "random": RandomSearch,
    "regularized_evolution": RegularizedEvolution,
    "tpe": TPE,
    "nsga2": NSGA2,
    "sample": Sample,
}
# What a candidate's training depends on.
SEEDED = ("data", "validation_share", "head", "sample_rate", "face_augmentation", "augmentation", "recipe", "seed", "space")
# These train shared weights first (`run.STAGES`), for `epochs`, then their shortlist as a sample, each for `retrain_epochs`.
SHARED = ("nar", "allegro")
ENDING = ("dynamic_ranking", "sample", *SHARED)  # the others need a budget
StrategySettings = Annotated[
    DynamicRankingSettings
    | RandomSearchSettings
    | RegularizedEvolutionSettings
    | TPESettings
    | NSGA2Settings
    | SampleSettings
    | NARSettings
    | AllegroSettings,
    Field(discriminator="name"),
]
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
        if self.strategy.name not in ENDING and self.budget == Budget():
            raise ValueError(f"strategy {self.strategy.name} never ends by itself: set budget.trials, budget.epochs or budget.hours")
        return self

    @model_validator(mode="after")
    def _within_the_space(self) -> Self:
        """Bounds that the space has not are refused before any data is read."""
        if isinstance(self.strategy, Bounds) and getattr(self.strategy, "count", True):
            self.strategy.ranges(self.space)
        return self

    def build_strategy(self, shortlist: Sequence[Architecture] = ()) -> Strategy:
        """The algorithm in its space; of a search with shared weights, what follows its `shortlist`."""
        settings = self.strategy.model_dump()
        if self.strategy.name in SHARED:
            return Sample(self.space, self.seed, architectures=tuple(shortlist), count=0, epochs=settings["retrain_epochs"])
        algorithm = STRATEGIES[self.strategy.name]
        strategy: Strategy = (
            algorithm(self.space, **settings) if algorithm is DynamicRanking else algorithm(self.space, self.seed, **settings)
        )
        return strategy

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
