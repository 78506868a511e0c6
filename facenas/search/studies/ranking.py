"""Whether networks are ranked by short training, by size or by dynamic training as they are ranked in the end."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from facenas.search.baseline import stream
from facenas.search.row import Row
from facenas.search.settings import SearchSettings
from facenas.search.studies.common import Spread, alike
from facenas.search.studies.correlations import (
    DYNAMIC,
    STATIC,
    Dynamic,
    Network,
    dynamic_correlations,
    dynamic_ranking,
    static_correlations,
)
from facenas.settings import Section


class RankingSettings(Section):
    """Settings of `facenas study ranking`."""

    search: SearchSettings = Field(description="Task and training; the networks are drawn within the bounds of its strategy.")
    count: int = Field(240, ge=3, description="Random networks.")
    epochs: int = Field(50, ge=2, description="Their training epochs; the ranking after the last one is the final one.")
    draw: int = Field(50, ge=3, description="Networks to rank dynamically: the i-th smallest is scored after i epochs.")
    seeds: tuple[int, ...] = Field((0,), min_length=1, description="Seeds of these draws.")
    resamples: int = Field(1000, ge=1, description="Resamples of the networks for the bootstrap intervals.")

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.draw > self.count:
            raise ValueError(f"draw must not exceed count, got {self.draw} of {self.count}")
        return self

    def networks(self) -> SearchSettings:
        """Settings of the run that trains all networks and validates them after every epoch."""
        return alike(self.search, epochs=self.epochs, count=self.count, every_epoch=True)


class Correlation(Section):
    """Spearman's correlation of one ranking with another."""

    name: str = Field(description="What is ranked, against what.")
    paper: float | None = Field(description="The paper's value; null: it has none.")
    seeds: Spread = Field(description="For each draw; a single one where all networks are ranked.")
    low: float = Field(description="Lower end of the 95 % bootstrap interval, over networks and draws.")
    high: float = Field(description="Its upper end.")


class RankingStudy(Section):
    """Result of `facenas study ranking`."""

    networks: tuple[Network, ...] = Field(description="The sample.")
    draws: tuple[tuple[int, ...], ...] = Field(description="For each seed, which of them were drawn.")
    correlations: tuple[Correlation, ...] = Field(description="How far the rankings agree.")

    def dynamic(self, draw: int = 0) -> list[Dynamic]:
        """The dynamic ranking of a draw."""
        return dynamic_ranking([self.networks[i] for i in self.draws[draw]])


def ranking(rows: Sequence[Row], settings: RankingSettings) -> RankingStudy:
    """Rank the networks of a sample in several quick ways and compare with their final ranking.

    All scores are read from the same learning curves, whose learning rate falls to 0 in the last epoch. The dynamic ranking has two
    advantages that are not its own merit: accuracy rises with the epochs, and these are dealt out in the order of parameters; and where
    as many networks are drawn as there are epochs, the score of the largest ones is (nearly) their final accuracy. The static ranking is
    therefore measured at the cost of the dynamic one as well: after the mean of its epochs, on the same networks. And a control shows what
    the epochs do alone: it deals them out to the same networks in random order.

    Args:
        rows: Rows of the run of `settings.networks()`.
        settings: Settings of the study.

    Source: EGNAS, section 3.2: 240 networks, 50 epochs, CIFAR-10; 50 of them ranked dynamically. Intervals: Efron's percentile bootstrap.
    """
    networks = tuple(Network.of(row) for row in rows if not row.evaluation.score.refused)
    draws = tuple(tuple(stream("draw", seed).sample(range(len(networks)), settings.draw)) for seed in settings.seeds)
    measured = [static_correlations(networks), *(dynamic_correlations([networks[i] for i in draw]) for draw in draws)]
    resampled = [_resampled(networks, settings.draw, i) for i in range(settings.resamples)]
    found = tuple(_correlation(name, paper, measured, resampled) for name, paper in {**STATIC, **DYNAMIC}.items())
    return RankingStudy(networks=networks, draws=draws, correlations=found)


def _resampled(networks: Sequence[Network], draw: int, number: int) -> dict[str, float]:
    random = stream("bootstrap", number)
    some = random.choices(networks, k=len(networks))
    return static_correlations(some) | dynamic_correlations(random.sample(some, draw))


def _correlation(
    name: str, paper: float | None, measured: Sequence[dict[str, float]], resampled: Sequence[dict[str, float]]
) -> Correlation:
    low, high = np.quantile([values[name] for values in resampled], (0.025, 0.975))
    values = Spread.of(values[name] for values in measured if name in values)
    return Correlation(name=name, paper=paper, seeds=values, low=low, high=high)
