"""The part of a space that a search stays in."""

from typing import Self

from pydantic import Field, model_validator

from facenas.backbones.space import Ranges, SearchSpace
from facenas.search.strategy import StrategySection


class Bounds(StrategySection):
    """The part of a space to search, and the epochs of its candidates; the defaults are the paper's tiny setting.

    Source: EGNAS, section 3.1, the set X: depth and width within bounds, width in steps from the least.
    """

    min_depth: int = Field(10, ge=1, description="Fewest layers.")
    max_depth: int = Field(100, ge=1, description="Most layers.")
    min_width: int = Field(16, ge=1, description="Fewest channels.")
    max_width: int = Field(64, ge=1, description="Most channels.")
    width_step: int = Field(2, ge=1, description="Channels between neighbouring widths.")

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.min_depth > self.max_depth or self.min_width > self.max_width:
            raise ValueError("min_depth and min_width must not exceed max_depth and max_width")
        return self

    def check(self, space: SearchSpace) -> None:
        """Raise a ModelError if the space lacks the depths of the bounds."""
        self.ranges(space)

    def ranges(self, space: SearchSpace) -> Ranges:
        """The depths and widths of the space to draw from; an error if it has no such depths. A space of one size has one of each."""
        widths = range(self.min_width, self.max_width + 1, self.width_step)
        return space.ranges(depths=(self.min_depth, self.max_depth), widths=widths)
