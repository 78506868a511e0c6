"""Where a search should start from: separable or plain convolutions, of 3x3 or 7x7 pixels."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple, Self

from pydantic import Field, model_validator

from facenas.backbones import Architecture
from facenas.backbones.architecture import Kernel, Operation
from facenas.data import ClassSource
from facenas.errors import RunError
from facenas.search.baseline import stream
from facenas.search.row import Row
from facenas.search.settings import SearchSettings
from facenas.search.strategies.dynamic_ranking import DynamicRankingSettings
from facenas.search.studies.common import Spread, alike
from facenas.settings import Section


class Start(NamedTuple):
    """An initialisation, with the accuracy (%) and the parameters that the paper's table 2 gives for it."""

    operation: Operation
    kernel: Kernel
    paper_accuracy: float
    paper_parameters: float


STARTS = {
    "conv-3x3": Start("conv", 3, 97.85, 0.65e6),
    "conv-7x7": Start("conv", 7, 97.35, 0.64e6),
    "sep-3x3": Start("sep", 3, 97.96, 0.23e6),
    "sep-7x7": Start("sep", 7, 97.73, 0.90e6),
}


class Subset(NamedTuple):
    """A sub-dataset of two classes, drawn and searched with a seed."""

    seed: int
    classes: tuple[int, int]

    @property
    def name(self) -> str:
        """Name of the sub-dataset in folders: `seed-0-classes-3-5`."""
        return f"seed-{self.seed}-classes-{self.classes[0]}-{self.classes[1]}"


class InitialisationSettings(Section):
    """Settings of `facenas study initialisation`."""

    search: SearchSettings = Field(description="The macro search, of any number of classes; start, classes and seed are set by the study.")
    subsets: int = Field(10, ge=1, le=45, description="Pairs of classes for each seed.")
    epochs: int = Field(20, ge=1, description="Training epochs of all that was found: their accuracies are then compared.")
    seeds: tuple[int, ...] = Field((0,), min_length=1, description="Seeds of the pairs and of their searches.")

    @model_validator(mode="after")
    def _classes(self) -> Self:
        s = self.search
        starts = {start.operation for start in STARTS.values()} <= set(s.space.operations) and not s.space.one_size
        classes = isinstance(s.data, ClassSource) and s.space.classes
        if not (starts and classes and isinstance(s.strategy, DynamicRankingSettings)):
            raise ValueError(
                "the study needs images of classes (search.data.name digits or cifar10), search.space.name plain and "
                "search.strategy.name dynamic_ranking"
            )
        return self

    def all_subsets(self) -> Iterator[Subset]:
        """Different pairs of the ten classes for each seed."""
        for seed in self.seeds:
            for first, second in stream("classes", seed).sample(list(combinations(range(10), 2)), self.subsets):
                yield Subset(seed, (first, second))

    def searched(self, subset: Subset, start: Start) -> SearchSettings:
        """Settings of the macro search from a start.

        Args:
            subset: The two classes and the seed.
            start: The initialisation to search from.
        """
        changes = {"start_operation": start.operation, "start_kernel": start.kernel, "micro": False}
        return self._on(subset).model_copy(update={"strategy": self.search.strategy.model_copy(update=changes)})

    def compared(self, subset: Subset, found: Sequence[Architecture]) -> SearchSettings:
        """Settings of the run that trains what the searches have found, all for the same number of epochs.

        Args:
            subset: The two classes and the seed.
            found: What was found from each start, in the order of `STARTS`.
        """
        return alike(self._on(subset), epochs=self.epochs, architectures=found)

    def _on(self, subset: Subset) -> SearchSettings:
        data = self.search.data.model_copy(update={"classes": subset.classes})
        space = self.search.space.model_copy(update={"num_classes": 2})
        return self.search.model_copy(update={"data": data, "space": space, "seed": subset.seed})


class FromStart(Section):
    """What the searches from one start have found, over the sub-datasets of all seeds in their order."""

    accuracy: Spread = Field(description="Validation accuracy, %.")
    parameters: Spread = Field(description="Trainable parameters.")
    paper_accuracy: float = Field(description="The paper's accuracy, %.")
    paper_parameters: float = Field(description="The paper's parameters.")
    ahead_of_sep_3x3: Spread = Field(description="Accuracy less that of the paper's choice, sep-3x3, on each sub-dataset, in points.")


class InitialisationStudy(Section):
    """Result of `facenas study initialisation`."""

    subsets: tuple[Subset, ...] = Field(description="The sub-datasets: seed and classes of each.")
    starts: dict[str, FromStart] = Field(description="By start.")


def initialisation(trained: Mapping[Subset, Sequence[Row]]) -> InitialisationStudy:
    """Average over the sub-datasets what was found from each start.

    Args:
        trained: For each sub-dataset, the rows of the run of `compared`, in the order of `STARTS`.

    Raises:
        RunError: If one of them was over a limit.

    Source: EGNAS, section 3.3, "Parameter Efficient Networks", and table 2: 10 binary sub-datasets of CIFAR-10. How long the networks were
    trained that its accuracies are of, the paper does not say; here, all for the same number of epochs.
    """
    for subset, rows in trained.items():
        if any(row.evaluation.score.refused for row in rows):
            raise RunError(f"a network found on {subset.name} is over a limit; widen the limits")
    accuracies = {name: [_percent(rows[i]) for rows in trained.values()] for i, name in enumerate(STARTS)}
    starts = {}
    for i, (name, start) in enumerate(STARTS.items()):
        ahead = [own - usual for usual, own in zip(accuracies["sep-3x3"], accuracies[name], strict=True)]
        starts[name] = FromStart(
            accuracy=Spread.of(accuracies[name]),
            parameters=Spread.of(rows[i].parameters for rows in trained.values()),
            paper_accuracy=start.paper_accuracy,
            paper_parameters=start.paper_parameters,
            ahead_of_sep_3x3=Spread.of(ahead),
        )
    return InitialisationStudy(subsets=tuple(trained), starts=starts)


def _percent(row: Row) -> float:
    return float(100 * row.evaluation.score.accuracy)
