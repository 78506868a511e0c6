"""Quick rankings of networks, and how far each agrees with the final one."""

from collections.abc import Sequence
from statistics import mean
from typing import NamedTuple

from pydantic import Field
from scipy.stats import spearmanr

from facenas.search.row import Row
from facenas.settings import Section

STATIC: dict[str, float] = {  # the paper's values, EGNAS, section 3.2
    "static after 1 epoch, against final": 0.65,
    "parameters, against final": 0.49,
}
DYNAMIC: dict[str, float | None] = {
    "dynamic, against parameters": 0.91,
    "dynamic, against final": 0.85,
    "static at the cost of dynamic, against final": None,
    "control: dynamic in random order, against that order": None,
    "control: dynamic in random order, against final": None,
}


class Network(Section):
    """A network and how it learned."""

    identity: str = Field(description="Of its architecture.")
    parameters: int = Field(description="Trainable parameters.")
    accuracies: tuple[float, ...] = Field(description="Validation accuracy after each epoch, a fraction; 0 from where it diverged.")

    @classmethod
    def of(cls, row: Row) -> "Network":
        """The learning curve in a row of a search that validated every epoch."""
        known = [(epoch.validation or 0) / row.evaluation.score.total for epoch in row.evaluation.history]
        missing = [0.0] * (row.candidate.epochs - len(known))
        return cls(identity=row.candidate.architecture.identity, parameters=row.parameters, accuracies=tuple(known + missing))


class Dynamic(NamedTuple):
    """A network in a dynamic ranking."""

    network: Network
    epochs: int  # after which it is scored

    @property
    def score(self) -> float:
        """Accuracy after so many epochs."""
        return self.network.accuracies[self.epochs - 1]


def dynamic_ranking(networks: Sequence[Network]) -> list[Dynamic]:
    """The networks from the smallest to the largest, each scored one epoch later than the one before.

    Source: EGNAS, section 3.2, "Dynamic Learning Rankings": the smallest network is trained for 1 epoch, the next one for 2, and so on.
    """
    return in_order(sorted(networks, key=lambda network: network.parameters))


def in_order(networks: Sequence[Network]) -> list[Dynamic]:
    """The first one scored after 1 epoch, each other one epoch later than the one before, as far as the epochs go."""
    return [Dynamic(network, min(place, len(network.accuracies))) for place, network in enumerate(networks, 1)]


def equal_cost_epoch(dynamic: Sequence[Dynamic]) -> int:
    """The epoch after which a static ranking has cost as many epochs as a dynamic one, or just fewer."""
    return int(mean(one.epochs for one in dynamic))


def static_correlations(networks: Sequence[Network]) -> dict[str, float]:
    """Spearman's correlations with final accuracy: of accuracy after one epoch, and of parameters."""
    final = [network.accuracies[-1] for network in networks]
    values = (
        spearman([network.accuracies[0] for network in networks], final),
        spearman([network.parameters for network in networks], final),
    )
    return dict(zip(STATIC, values, strict=True))


def dynamic_correlations(drawn: Sequence[Network]) -> dict[str, float]:
    """Spearman's correlations of dynamic scores with parameters and with final accuracy, and what these are to be compared with.

    Beside a static ranking that costs as much, that is a control: the same epochs dealt out in the order in which the networks were
    drawn. What it reaches comes from the epochs alone.
    """
    dynamic, control = dynamic_ranking(drawn), in_order(drawn)
    scores, epoch = [one.score for one in dynamic], equal_cost_epoch(dynamic)
    values = (
        spearman(scores, [one.network.parameters for one in dynamic]),
        spearman(scores, _final(dynamic)),
        spearman([one.network.accuracies[epoch - 1] for one in dynamic], _final(dynamic)),
        spearman([one.score for one in control], range(len(control))),
        spearman([one.score for one in control], _final(control)),
    )
    return dict(zip(DYNAMIC, values, strict=True))


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Correlation of two rankings, in [-1, 1]; 0 where one of them ranks nothing, since all its values are equal.

    Args:
        first: Values of N things, shape (N,).
        second: Other values of the same things, shape (N,).

    Source: Spearman, "The proof and measurement of association between two things", 1904; ties have their average rank.
    """
    return float(spearmanr(first, second).statistic) if len(set(first)) > 1 < len(set(second)) else 0.0


def _final(dynamic: Sequence[Dynamic]) -> list[float]:
    return [one.network.accuracies[-1] for one in dynamic]
