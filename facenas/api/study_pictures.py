"""The results of the studies as pictures: SVG files that need nothing else."""

from collections.abc import Sequence

from markupsafe import Markup

from facenas.report.axes import around, of_cost
from facenas.report.charts import Kind, Line, Mark, chart
from facenas.report.scores import percent_axis
from facenas.report.standalone import standalone
from facenas.report.words import amount
from facenas.search.studies import InitialisationStudy, OverfittingStudy, RandomStudy, RankingStudy, RewardStudy
from facenas.search.studies.correlations import Network, equal_cost_epoch
from facenas.search.studies.random_baseline import TrainedNetwork

OF_START: dict[str, Kind] = {"conv-3x3": "neutral", "conv-7x7": "rejected", "sep-3x3": "accepted", "sep-7x7": "front"}


def ranking(study: RankingStudy) -> str:
    """Final accuracy against four quick scores; the dynamic ones, and those of the same cost, are of the first draw."""
    static, size, _, dynamic, fair, *_ = (one.seeds.values[0] for one in study.correlations)
    ranked, all_networks = study.dynamic(), study.networks
    drawn, epoch = [one.network for one in ranked], equal_cost_epoch(ranked)
    after_one, after_some = _after(all_networks, 1), _after(drawn, epoch)
    return standalone(
        _against_final(f"Static: rho {static:.2f}", after_one, all_networks, "accuracy after 1 epoch, %"),
        _against_final(f"Parameters: rho {size:.2f}", [n.parameters for n in all_networks], all_networks, "parameters"),
        _against_final(
            f"Dynamic, one draw: rho {dynamic:.2f}", [100 * one.score for one in ranked], drawn, "accuracy after 1, 2, 3 ... epochs, %"
        ),
        _against_final(f"Static, at the same cost: rho {fair:.2f}", after_some, drawn, f"accuracy after {epoch} epochs, %"),
    )


def random(study: RandomStudy) -> str:
    """Accuracy of what was found and of the random architectures, by seed and against parameters."""
    points = [(seed, one, one is seed.found) for seed in study.seeds for one in (*seed.random, seed.found)]

    def marks(xs: Sequence[float]) -> list[Mark]:
        kinds: list[tuple[Kind, str]] = [("accepted", "found") if found else ("other", "random") for _, _, found in points]
        return [
            Mark(x, 100 * one.accuracy, kind, f"{name}, seed {seed.seed}: {_tip(one)}")
            for x, (seed, one, _), (kind, name) in zip(xs, points, kinds, strict=True)
        ]

    y = percent_axis([100 * one.accuracy for _, one, _ in points], "accuracy, % (blue: found by the search)")
    seeds, sizes = [seed.seed for seed, _, _ in points], [one.parameters for _, one, _ in points]
    return standalone(
        chart("By seed", around(seeds, "seed", whole=True), y, marks=marks(seeds)),
        chart("Against parameters", of_cost(sizes, "parameters", amount), y, marks=marks(sizes)),
    )


def initialisation(study: InitialisationStudy) -> str:
    """Mean accuracy against mean parameters of the four starts, and below it every sub-dataset."""
    starts = study.starts.items()
    marks = [Mark(one.parameters.mean, one.accuracy.mean, OF_START[name], f"mean of {name}", name) for name, one in starts]
    single = [
        Mark(x, y, OF_START[name], f"{name}, classes {subset.classes}, seed {subset.seed}: {y:.2f} %")
        for name, one in starts
        for subset, x, y in zip(study.subsets, one.parameters.values, one.accuracy.values, strict=True)
    ]
    x = of_cost([mark.x for mark in single], "parameters", amount)
    y = percent_axis([mark.y or 0 for mark in single], "accuracy, %")  # the same for both, so that means show no more than there is
    return standalone(chart("Means over the sub-datasets", x, y, marks=marks), chart("Every sub-dataset", x, y, marks=single))


def reward(study: RewardStudy) -> str:
    """Gradient magnitudes of both heads over the updates, for the first seed, as in figure 1 of the paper."""
    first = study.seeds[0]
    return standalone(*(_gradients(head, one.gradients) for head, one in first.items()))


def overfitting(study: OverfittingStudy) -> str:
    """Accuracy of both networks on both tasks, by seed."""
    figures = []
    for place, task in enumerate(("A", "B")):
        pairs = [seed[place] for seed in study.seeds]
        marks = [
            mark
            for number, both in enumerate(pairs, 1)
            for mark in (
                Mark(number, 100 * both.searched.accuracy, "accepted", f"searched: {_tip(both.searched)}"),
                Mark(number, 100 * both.hand_made.accuracy, "other", f"hand-made: {_tip(both.hand_made)}"),
            )
        ]
        y = percent_axis([mark.y or 0 for mark in marks], "accuracy, % (blue: searched)")
        figures.append(chart(f"Task {task}", around(range(1, len(pairs) + 1), "seed, in their order", whole=True), y, marks=marks))
    return standalone(*figures)


def _gradients(head: str, magnitudes: Sequence[float]) -> Markup:
    points = list(enumerate(magnitudes, 1))
    across, upwards = around([x for x, _ in points], "update of the controller", whole=True), around(magnitudes, "gradient magnitude")
    return chart(f"Head of the {head}", across, upwards, lines=[Line(points, "")])


def _against_final(title: str, scores: Sequence[float], networks: Sequence[Network], label: str) -> Markup:
    final = _after(networks, len(networks[0].accuracies))
    marks = [
        Mark(x, y, "other", f"{amount(network.parameters)} parameters: {y:.2f} %")
        for x, y, network in zip(scores, final, networks, strict=True)
    ]
    across = of_cost(scores, label, amount) if label == "parameters" else percent_axis(scores, label)
    return chart(title, across, percent_axis(final, "final accuracy, %"), marks=marks)


def _after(networks: Sequence[Network], epoch: int) -> list[float]:
    return [100 * network.accuracies[epoch - 1] for network in networks]


def _tip(one: TrainedNetwork) -> str:
    return f"{100 * one.accuracy:.2f} %, {amount(one.parameters)} parameters"
