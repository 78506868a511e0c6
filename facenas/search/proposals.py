"""What an Optuna sampler proposes, as a function of the scores so far, so that a replay of a search is exact."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal
from warnings import catch_warnings, simplefilter

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from facenas.backbones.space import SearchSpace
from facenas.search.baseline import BaselineSettings, stream
from facenas.search.candidate import Candidate, Phase

Direction = Literal["maximize", "minimize"]
WORST = -1.0  # told of a refused candidate: below any accuracy


class Proposals:
    """A sampler's proposals: each from a sampler of its own, seeded by its step, and computed once.

    The variables are always the same: depth, width, and operation and kernel of every position up to the deepest network's, of which a
    shallower one uses the first.

    Args:
        space: The search space.
        bounds: The part of it to search.
        seed: Seed of the run; with the step, that of a sampler.
        sampler: Function that makes a sampler from a seed.
        directions: Whether each value told is to be maximised or minimised, in Optuna's words.
    """

    def __init__(
        self,
        space: SearchSpace,
        bounds: BaselineSettings,
        seed: int,
        sampler: Callable[[int], BaseSampler],
        directions: Sequence[Direction],
    ) -> None:
        self._space, self._epochs, self._seed, self._sampler, self._directions = space, bounds.epochs, seed, sampler, directions
        self._layers = {f"{operation} {kernel}": (operation, kernel) for operation, kernel in space.choices}
        layer, ranges = CategoricalDistribution(tuple(self._layers)), bounds.ranges(space)
        self._variables: dict[str, BaseDistribution] = {
            "depth": _integer(ranges["depths"]),
            "width": _integer(ranges["widths"]),
            **{f"layer {position}": layer for position in range(space.positions(ranges["depths"][-1]))},
        }
        self._known: dict[tuple[object, ...], FrozenTrial] = {}  # a search is replayed often

    def ask(self, told: Sequence[FrozenTrial], step: int) -> FrozenTrial:
        """The sampler's proposal at a step; after equal values it is equal.

        Args:
            told: Finished proposals with their values, in plan order.
            step: Number of the proposal in the search, from 0.
        """
        key = (step, *(tuple(trial.values) for trial in told))
        if key not in self._known:
            self._known[key] = self._ask(told, step)
        return self._known[key]

    def told(self, asked: FrozenTrial, *values: float) -> FrozenTrial:
        """A proposal with the values that its candidate reached, as `ask` is told it."""
        return optuna.create_trial(values=values, params=asked.params, distributions=asked.distributions, system_attrs=asked.system_attrs)

    def candidate(self, asked: FrozenTrial, phase: Phase) -> Candidate:
        """The candidate that a proposal stands for.

        Args:
            asked: The proposal.
            phase: Phase that the candidate is asked for in.
        """
        start = self._space.start(depth=asked.params["depth"], width=asked.params["width"])
        operations, kernels = zip(*(self._layers[asked.params[f"layer {i}"]] for i in range(len(start.operations))), strict=True)
        return Candidate(architecture=start.replace(operations=operations, kernels=kernels), epochs=self._epochs, phase=phase)

    def _ask(self, told: Sequence[FrozenTrial], step: int) -> FrozenTrial:
        """Ask a sampler and a study that know nothing but what was told: samplers leave notes in a study, NSGA-II those of its parents."""
        free = {name: variable for name, variable in self._variables.items() if not variable.single()}
        with _quiet():
            study = optuna.create_study(directions=self._directions, sampler=self._sampler(stream(self._seed, step).getrandbits(32)))
            study.add_trials(told)
            study.sampler.infer_relative_search_space = lambda study, trial: free  # type: ignore[method-assign]  # inferring it is slow
            study.ask(self._variables)
        return study.get_trials(deepcopy=False)[-1]


def _integer(values: range) -> IntDistribution:
    return IntDistribution(values[0], values[-1], step=values.step)


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna announces every new study, and in its fourth versions that a sampler is new too."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with catch_warnings():
            simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(level)
