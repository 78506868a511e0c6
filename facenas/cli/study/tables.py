"""The results of the studies as tables."""

from rich.table import Table

from facenas.report.words import amount
from facenas.search.studies import InitialisationStudy, OverfittingStudy, RandomStudy, RankingStudy, RewardStudy
from facenas.search.studies.common import Spread
from facenas.search.studies.overfitting import PAPER as TABLE_1
from facenas.search.studies.random_baseline import PAPER


def ranking(study: RankingStudy) -> Table:
    """A table of the rankings' correlations, beside the paper's."""
    title = f"Spearman's correlations of {len(study.networks)} networks, {len(study.draws)} draws of {len(study.draws[0])}"
    table = Table("ranking", "mean +- sd", "95 % interval", "paper", title=title)
    for one in study.correlations:
        paper = "" if one.paper is None else f"{one.paper:.2f}"
        table.add_row(one.name, spread(one.seeds), f"{one.low:.2f} to {one.high:.2f}", paper)
    return table


def random(study: RandomStudy) -> Table:
    """A table of the summary over searches, beside the paper's figures."""
    draws = sum(len(seed.random) for seed in study.seeds)
    table = Table("", "mean +- sd", "of each seed", "paper", title=f"{len(study.seeds)} searches and {draws} random architectures")
    for name, values in study.summary.items():
        table.add_row(name, spread(values), ", ".join(map(_number, values.values)), PAPER.get(name, ""))
    table.add_row("random ones beaten", f"{100 * study.beaten:.0f} %")
    return table


def initialisation(study: InitialisationStudy) -> Table:
    """A table of accuracy and parameters of each start, beside the paper's table 2."""
    columns = ("start", "accuracy, %", "ahead of sep-3x3, points", "parameters", "paper: accuracy, %", "paper: parameters")
    table = Table(*columns, title=f"found on {len(study.subsets)} sub-datasets of two classes")
    for name, one in study.starts.items():
        ahead = "" if name == "sep-3x3" else spread(one.ahead_of_sep_3x3)
        paper = (f"{one.paper_accuracy:.2f}", amount(one.paper_parameters))
        table.add_row(name, spread(one.accuracy), ahead, spread(one.parameters), *paper)
    return table


def reward(study: RewardStudy) -> Table:
    """A table of both heads of the controller, side by side."""
    table = Table("", "mean +- sd", "of each seed", title=f"gradients and implicit rewards, {len(study.seeds)} searches")
    for name, values in study.summary.items():
        table.add_row(name, spread(values), ", ".join(map(_number, values.values)))
    return table


def overfitting(study: OverfittingStudy) -> Table:
    """A table of both networks on both tasks, beside the paper's table 1."""
    table = Table("", "mean +- sd", "of each seed", "paper", title=f"a searched and a hand-made network, {len(study.seeds)} seeds")
    for name, values in study.summary.items():
        table.add_row(name, spread(values), ", ".join(map(_number, values.values)), TABLE_1.get(name, ""))
    return table


def spread(values: Spread) -> str:
    """Mean and standard deviation as people read them."""
    return _number(values.mean) + ("" if values.sd is None else f" +- {_number(values.sd)}")


def _number(value: float) -> str:
    return amount(value) if abs(value) >= 1000 else f"{value:.2f}"
