"""Whether a searched architecture overfits its task: it and the hand-made one are trained on that task, and on another."""

from collections.abc import Sequence

from pydantic import Field

from facenas.backbones import Architecture
from facenas.errors import RunError
from facenas.search.row import Row
from facenas.search.settings import SearchSettings
from facenas.search.studies.common import Spread, alike
from facenas.search.studies.random_baseline import TrainedNetwork
from facenas.settings import Section

# NAR, table 1: NAS-Arch (of ENAS) and ResNet-20, points between them.
PAPER = {
    "searched over hand-made, task A": "+1.28 (CIFAR-10)",
    "searched over hand-made, task B": "-0.51 (LFW), -1.02 (CFP), -1.95 (AgeDB)",
}


class OverfittingSettings(Section):
    """Settings of `facenas study overfitting`."""

    search: SearchSettings = Field(description="Task A, and the search on it among the refinements of the hand-made network.")
    transfer: SearchSettings = Field(description="Task B: data, space with the same base, head, recipe; its strategy does not matter.")
    epochs: int = Field(50, ge=1, description="Training epochs of both networks on task A.")
    transfer_epochs: int = Field(50, ge=1, description="The same on task B.")
    seeds: tuple[int, ...] = Field((0,), min_length=1, description="Seeds of search and training.")

    def searched(self, seed: int) -> SearchSettings:
        """Settings of the search with a seed."""
        return self.search.model_copy(update={"seed": seed})

    def trained(self, seed: int, found: Architecture) -> tuple[SearchSettings, SearchSettings]:
        """Settings of the runs that train both networks on task A and on task B, the searched one first.

        Args:
            seed: Seed of the runs.
            found: The architecture that the search found.

        Raises:
            RunError: If the space has no hand-made base network to compare with.
        """
        refinements = self.search.space.refinements()
        if not refinements:
            raise RunError(f"study overfitting compares with the base of a space of refinements, got {self.search.space.name!r}")
        both = (found, refinements.start())
        return (
            alike(self.search, epochs=self.epochs, architectures=both, seed=seed, data_fraction=1.0),
            alike(self.transfer, epochs=self.transfer_epochs, architectures=both, seed=seed),
        )


class Pair(Section):
    """Both networks on one task."""

    searched: TrainedNetwork = Field(description="What the search found on task A.")
    hand_made: TrainedNetwork = Field(description="The base.")

    @property
    def ahead(self) -> float:
        """By how many percentage points the searched network is better."""
        return 100 * (self.searched.accuracy - self.hand_made.accuracy)


class OverfittingStudy(Section):
    """Result of `facenas study overfitting`."""

    seeds: tuple[tuple[Pair, Pair], ...] = Field(description="Task A and task B, for each seed.")
    summary: dict[str, Spread] = Field(description="Over the seeds; accuracies in percent, differences in points.")


def pair(rows: Sequence[Row]) -> Pair:
    """The figures of both networks of a run of `OverfittingSettings.trained`; where the search found the base itself, they are equal.

    Raises:
        RunError: If one of the networks was over a limit.
    """
    if any(row.evaluation.score.refused for row in rows):
        raise RunError("a network of the study was over a limit; widen search.limits and transfer.limits")
    made = [TrainedNetwork(accuracy=float(row.evaluation.score.accuracy), parameters=row.parameters) for row in rows]
    return Pair(searched=made[0], hand_made=made[-1])


def overfitting(seeds: Sequence[tuple[Pair, Pair]]) -> OverfittingStudy:
    """Mean and spread of the study's figures over seeds.

    Source: NAR, section 3.1 and table 1.
    """
    summary: dict[str, Spread] = {}
    for place, task in enumerate(("A", "B")):
        some = [seed[place] for seed in seeds]
        summary |= {
            f"searched, task {task}, %": Spread.of(100 * one.searched.accuracy for one in some),
            f"hand-made, task {task}, %": Spread.of(100 * one.hand_made.accuracy for one in some),
            f"searched over hand-made, task {task}": Spread.of(one.ahead for one in some),
        }
    summary["parameters searched"] = Spread.of(seed[0].searched.parameters for seed in seeds)
    summary["parameters hand-made"] = Spread.of(seed[0].hand_made.parameters for seed in seeds)
    return OverfittingStudy(seeds=tuple(seeds), summary=summary)
