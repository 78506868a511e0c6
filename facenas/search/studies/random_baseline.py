"""Whether what a search finds is better than random architectures of the same bounds, trained alike."""

from collections.abc import Iterable, Sequence

from pydantic import Field

from facenas.backbones import Architecture
from facenas.errors import RunError
from facenas.search.compare import relative_improvement
from facenas.search.row import Row
from facenas.search.settings import SearchSettings
from facenas.search.studies.common import Spread, alike
from facenas.settings import Section

PAPER = {"relative improvement, %": "> 2", "accuracy found, %": "95.91", "accuracy random, %": "93.05 +- 2.18"}  # EGNAS, table 3, tiny


class RandomSettings(Section):
    """Settings of `facenas study random`."""

    search: SearchSettings = Field(description="The search to judge; random architectures are drawn within the bounds of its strategy.")
    count: int = Field(10, ge=1, description="Random architectures for each seed.")
    epochs: int = Field(600, ge=1, description="Training epochs of what was found and of the random ones.")
    seeds: tuple[int, ...] = Field((0,), min_length=1, description="Seeds of search, draws and training.")

    def searched(self, seed: int) -> SearchSettings:
        """Settings of the search with a seed."""
        return self.search.model_copy(update={"seed": seed})

    def compared(self, seed: int, found: Architecture) -> SearchSettings:
        """Settings of the run that trains what was found, and random architectures.

        Args:
            seed: Seed of the run.
            found: The architecture that the search found.
        """
        return alike(self.search, epochs=self.epochs, count=self.count, architectures=(found,), seed=seed)


class TrainedNetwork(Section):
    """A network and its accuracy."""

    accuracy: float = Field(description="Validation accuracy, a fraction.")
    parameters: int = Field(description="Trainable parameters.")


class Improvement(Section):
    """What one search has found, beside random architectures."""

    seed: int = Field(description="Of the search, the draws and the training.")
    found: TrainedNetwork = Field(description="What the search found.")
    random: tuple[TrainedNetwork, ...] = Field(description="Random architectures.")
    relative_improvement: float = Field(description="RI, in percent of the mean random accuracy.")


class RandomStudy(Section):
    """Result of `facenas study random`."""

    seeds: tuple[Improvement, ...] = Field(description="One for each seed.")
    summary: dict[str, Spread] = Field(description="Over the seeds; of random architectures, their mean or best for each seed.")
    beaten: float = Field(description="Share of all random architectures that are less accurate than what was found, a fraction.")


def improvement(rows: Sequence[Row], *, seed: int) -> Improvement:
    """Compare the first architecture of a sample with the others.

    The comparison is on the validation split that the search has selected on, which favours what it found a little; the networks are
    trained afresh, and longer.

    Args:
        rows: Rows of the run of `RandomSettings.compared`.
        seed: Seed of that run.

    Raises:
        RunError: If what was found or all random ones were over a limit, or no random one got anything right.

    Source: EGNAS, section 4.1, ablation studies: 10 random architectures; 5 seeds have RI > 2.
    """
    if rows[0].evaluation.score.refused:
        raise RunError(f"the architecture found with seed {seed} is over a limit; widen the limits")
    drawn = [row for row in rows[1:] if not row.evaluation.score.refused]
    relative = relative_improvement(rows[0].evaluation.score.accuracy, [row.evaluation.score.accuracy for row in drawn])
    if relative is None:
        raise RunError(f"no random architecture of seed {seed} was trained to any accuracy; raise the epochs or widen the limits")
    return Improvement(seed=seed, found=_trained(rows[0]), random=tuple(map(_trained, drawn)), relative_improvement=relative)


def random_baseline(seeds: Sequence[Improvement]) -> RandomStudy:
    """Mean and spread of the study's figures over seeds; RI is against the average draw.

    The best draw is what a random search would have found.
    """
    means = [
        [Spread.of(values).mean for values in zip(*((one.accuracy, one.parameters) for one in seed.random), strict=True)] for seed in seeds
    ]
    summary = {
        "relative improvement, %": Spread.of(seed.relative_improvement for seed in seeds),
        "accuracy found, %": _percent(seed.found.accuracy for seed in seeds),
        "accuracy random, %": _percent(accuracy for accuracy, _ in means),
        "accuracy of the best random one, %": _percent(max(one.accuracy for one in seed.random) for seed in seeds),
        "parameters found": Spread.of(seed.found.parameters for seed in seeds),
        "parameters random": Spread.of(parameters for _, parameters in means),
    }
    beaten = [one.accuracy < seed.found.accuracy for seed in seeds for one in seed.random]
    return RandomStudy(seeds=tuple(seeds), summary=summary, beaten=sum(beaten) / len(beaten))


def _trained(row: Row) -> TrainedNetwork:
    return TrainedNetwork(accuracy=float(row.evaluation.score.accuracy), parameters=row.parameters)


def _percent(accuracies: Iterable[float]) -> Spread:
    return Spread.of(100 * accuracy for accuracy in accuracies)
