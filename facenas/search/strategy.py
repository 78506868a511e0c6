"""What the settings of every strategy have, and the strategies that a configuration can name."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from facenas.backbones.architecture import Architecture
from facenas.backbones.space import SearchSpace
from facenas.registry import OneOf, Registry
from facenas.search.candidate import Strategy
from facenas.section import Section

if TYPE_CHECKING:
    from facenas.search.settings import SearchSettings
    from facenas.search.shared_weights import Stage
    from facenas.training.tasks import Task


class StrategySection(Section):
    """The settings that choose a strategy; its own class adds `name`, its options with their defaults, and `build`.

    Attributes:
        ends: Whether the strategy ends by itself; a search by one that does not needs a budget.
    """

    ends: ClassVar[bool] = False
    if TYPE_CHECKING:

        @property
        def name(self) -> str:
            """The name by which the strategy is chosen."""

    def build(self, space: SearchSpace, seed: int) -> Strategy:
        """The algorithm in a space.

        Args:
            space: The search space.
            seed: Seed of all that the algorithm draws.
        """
        raise NotImplementedError

    def check(self, space: SearchSpace) -> None:
        """Raise a FacenasError if the space lacks what the strategy needs; it is asked before any data is read."""


class SharedWeightsSection(StrategySection):
    """The settings of a strategy that first trains shared weights: `stage` finds a shortlist, which `build` trains from scratch.

    Its own class has `epochs` too, those of the stage.
    """

    ends: ClassVar[bool] = True
    if TYPE_CHECKING:

        @property
        def retrain_epochs(self) -> int:
            """Training epochs of each architecture of the shortlist."""

    def stage(self, settings: "SearchSettings", task: "Task") -> "Stage":
        """The stage of shared weights.

        Args:
            settings: Settings of the search, whose strategy is this one.
            task: The data of the search.
        """
        raise NotImplementedError

    def build(self, space: SearchSpace, seed: int, shortlist: Sequence[Architecture] = ()) -> Strategy:
        """What follows the stage: each architecture of its shortlist is trained from scratch.

        Args:
            space: The search space.
            seed: Seed of the run; nothing is drawn here.
            shortlist: The architectures that the stage found, the most promising first.
        """
        from facenas.search.strategies.sample import Sample

        return Sample(space, architectures=tuple(shortlist), count=0, epochs=self.retrain_epochs)


STRATEGIES = Registry("facenas.strategies", "facenas.search.strategies", StrategySection)
StrategySettings = Annotated[StrategySection, OneOf(STRATEGIES)]
