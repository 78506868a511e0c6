"""The first stage of NAR: shared weights and the controller, an epoch of each by turns."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from facenas.backbones import Architecture, Blueprint
from facenas.backbones.links import pairs
from facenas.backbones.supernet import Supernet
from facenas.errors import SettingsError
from facenas.search.held_out import split
from facenas.search.row import NetworkCost
from facenas.search.settings import SearchSettings
from facenas.search.strategies.nar import NARSettings
from facenas.search.strategies.nar.controller import Controller, Sampled
from facenas.search.strategies.nar.policy import Learner, Update
from facenas.search.supernet_training import SupernetTraining
from facenas.training.device import derive_seed, make_fabric
from facenas.training.loop import Training
from facenas.training.tasks import Task

MOST_ROUNDS = 20  # of drawing, in search of architectures within the limits


class Refinement:
    """Trains the weights of sampled paths on the training data, then the controller by the rewards of sampled paths on held-out data.

    Args:
        settings: Settings of the search, whose strategy is `nar`.
        task: Data of the search.

    Raises:
        SettingsError: If the space is not one of refinements, or the settings do not go together.

    Source: NAR, section 3.3, after ENAS, section 2.2.
    """

    def __init__(self, settings: SearchSettings, task: Task) -> None:
        space = settings.space.refinements()
        if not isinstance(settings.strategy, NARSettings) or not space:
            raise SettingsError(f"strategy nar refines a base: set space.name=refined or give --base, got space {settings.space.name!r}")
        if settings.sample_rate is not None:
            raise SettingsError("strategy nar trains all class centres: set sample_rate=null")
        self.settings, self.strategy, self.space = settings, settings.strategy, space
        self.seed = derive_seed("shared weights", settings.seeded(), self.strategy.telling())
        self.task, self.held = split(task, self.strategy.reward, self.strategy.reward_share, self.seed)
        self.recipe = settings.recipe.model_copy(update={"lr": self.strategy.lr, "schedule": self.strategy.schedule})
        self.shared = SupernetTraining(
            self.task, Blueprint(architecture=self.space.start(), space=settings.space), self.space.supernet,
            recipe=self.recipe, epochs=self.epochs, seed=self.seed, fabric=make_fabric(settings.device, self.recipe.precision),
        )  # fmt: skip
        self.training, self.supernet = self.shared.training, cast(Supernet, self.shared.training.model.network)
        for optimiser in self.training.optimisers:
            _with_momentum(optimiser.optimizer)
        torch.manual_seed(derive_seed(self.seed, "controller"))
        per_unit = len(self.space.start().operations) // self.space.units
        self.learner = Learner(Controller(self.space.units, per_unit, len(self.space.operators), self.strategy.controller))
        self.incumbent = self.space.start()

    @property
    def epochs(self) -> int:
        """Number of epochs of the shared weights."""
        return self.strategy.epochs

    def epoch(self, number: int, progress: Callable[[float], None]) -> dict[str, Any]:
        """Train an epoch of the shared weights, then one of the controller; at the end of a turn, accept or reject what was found.

        Args:
            number: Number of the epoch, from 0.
            progress: Called with how far the stage is, in epochs.

        Returns:
            Facts of the epoch, as JSON values.
        """
        random, turn = number < self.strategy.pretrain_epochs, self._turn(number)
        facts = self._train_weights(number, random=random, turn=turn, progress=progress)
        rewarded = self._reward(number, random=random, turn=turn)
        if self.strategy.skips == "alternating" and not random and self._ends_turn(number):
            rewarded["turn"] = self._accept(number, turn)
        likeliest = self._sample(1, self._generator("likeliest"), turn, greedy=True)
        return {**facts, **rewarded, "searched": turn, **self._policy(likeliest)}

    def _turn(self, number: int) -> str:
        """What is searched in an epoch: operators, skips or both."""
        if self.strategy.skips != "alternating":
            return "operators" if self.strategy.skips == "fixed" else "both"
        turns = (number - self.strategy.pretrain_epochs) // self.strategy.turn_epochs
        return "skips" if turns > 0 and turns % 2 else "operators"

    def _ends_turn(self, number: int) -> bool:
        return (number + 1 - self.strategy.pretrain_epochs) % self.strategy.turn_epochs == 0 or number + 1 == self.epochs

    def _train_weights(self, number: int, *, random: bool, turn: str, progress: Callable[[float], None]) -> dict[str, float]:
        """Each step trains the weights of one path."""
        generator = self._generator("paths", number)
        for done, batch in enumerate(self.shared.epoch(self.seed), 1):
            sampled = self._drawn_evenly(generator, turn) if random else self._sample(1, generator, turn)
            self.supernet.take(self.architectures(sampled)[0])
            batch.weight_step()
            progress(number + done / self.shared.steps * 0.8)  # the rewards take the rest
        return self.shared.facts()

    def _reward(self, number: int, *, random: bool, turn: str) -> dict[str, Any]:
        """The controller's epoch; while paths are random it only looks."""
        settings, generator = self.strategy.controller, self._generator("rewards", number)
        samples, updates = list[list[Any]](), list[Update]()
        for _ in range(1 if random else settings.steps):
            sampled = self._drawn_evenly(generator, turn, settings.samples) if random else self._sample(settings.samples, generator, turn)
            rows = self._rows(generator)
            rewards = [self._accuracy(path, rows) for path in self.architectures(sampled)]
            samples += [[*codes, reward] for codes, reward in zip(_codes(sampled), rewards, strict=True)]
            if not random:
                drawn = {"operators": turn != "skips", "links": turn in ("skips", "both")}
                updates.append(self.learner.update(sampled, torch.tensor(rewards), **drawn))
        told = {name: [getattr(update, name) for update in updates] for name in Update._fields}
        means = {name: sum(told[name]) / len(updates) for name in ("entropy", "baseline")} if updates else {}
        gradients = {name: told[name] for name in ("operator_gradient", "link_gradient")}
        return {"accuracy": sum(sample[2] for sample in samples) / len(samples), **means, **gradients, "samples": samples}

    def _accept(self, number: int, turn: str) -> dict[str, Any]:
        """The best of a turn's policy takes the incumbent's place if it is at least as good, with the weights as they are.

        Source: NAR, equation 11.
        """
        rows = np.arange(self.held.items)
        before = self._accuracy(self.incumbent, rows)
        measured = self._measured(self._drawn(turn, self._generator("turn", number)))
        found, after = max(measured.items(), key=lambda one: one[1])
        if after >= before:
            self.incumbent = found
        return {"before": before, "found": after, "accepted": after >= before}

    def shortlist(self) -> list[Architecture]:
        """The best of the architectures that the controller draws within the limits."""
        turn = self._turn(self.epochs - 1) if self.strategy.skips != "alternating" else "operators"
        drawn = self._drawn(turn, self._generator("shortlist"))
        if self.strategy.skips == "alternating" and not self._excess(self.incumbent):
            drawn = [self.incumbent, *drawn]
        measured = self._measured(drawn)
        return sorted(measured, key=measured.__getitem__, reverse=True)[: self.strategy.shortlist]

    def _drawn(self, turn: str, generator: torch.Generator) -> list[Architecture]:
        """The likeliest architecture and drawn ones, all different and within the limits."""
        found = dict.fromkeys(self.architectures(self._sample(1, generator, turn, greedy=True)))
        for _ in range(MOST_ROUNDS):
            found |= dict.fromkeys(self.architectures(self._sample(self.strategy.samples, generator, turn)))
            if kept := [one for one in found if not self._excess(one)]:
                return kept[: self.strategy.samples]
        raise SettingsError(
            f"no architecture within the limits in {MOST_ROUNDS * self.strategy.samples} draws of the controller; widen them"
        )

    def _measured(self, paths: Sequence[Architecture]) -> dict[Architecture, float]:
        rows = np.arange(self.held.items)
        return {path: self._accuracy(path, rows) for path in dict.fromkeys(paths)}

    def _excess(self, path: Architecture) -> str:
        return self.settings.limits.excess(NetworkCost(*self.space.cost(path)))

    def _accuracy(self, path: Architecture, rows: np.ndarray[Any, Any]) -> float:
        self.supernet.take(path)
        return self.held.accuracy(_module(self.training), rows)

    def _rows(self, generator: torch.Generator) -> np.ndarray[Any, Any]:
        chosen: np.ndarray[Any, Any] = torch.randperm(self.held.items, generator=generator)[: self.strategy.reward_batch].numpy()
        return chosen

    def _sample(self, count: int, generator: torch.Generator, turn: str, *, greedy: bool = False) -> Sampled:
        """Architectures from the controller; what is not searched now is the incumbent's."""
        operators, links = self._incumbent()
        return self.learner.sample(
            count,
            generator,
            operators=operators.expand(count, -1) if turn == "skips" else None,
            links=links.expand(count, -1) if turn == "operators" else None,
            greedy=greedy,
        )

    def _drawn_evenly(self, generator: torch.Generator, turn: str, count: int = 1) -> Sampled:
        """Random architectures, whatever the controller thinks."""
        operators, links = self._incumbent()
        shape = (count, operators.shape[1])
        drawn = torch.randint(len(self.space.operators), shape, generator=generator)
        even = torch.randint(2, (count, links.shape[1]), generator=generator) if turn == "both" else links.expand(count, -1)
        return Sampled(drawn, even, torch.zeros(*shape, len(self.space.operators)), torch.zeros(even.shape))

    def _incumbent(self) -> tuple[Tensor, Tensor]:
        names, none = self.space.decoded(self.incumbent), [0] * len(pairs(self.space.units))
        operators = torch.tensor([[self.space.operators.index(name) if name in self.space.operators else 0 for name in names]])
        return operators, torch.tensor([self.incumbent.links or none], dtype=torch.long)

    def architectures(self, sampled: Sampled) -> list[Architecture]:
        """What the controller drew, as architectures of the space."""
        names = self.space.operators
        return [
            self.space.encoded([names[k] for k in operators], links)
            for operators, links in zip(sampled.operators.tolist(), sampled.links.tolist(), strict=True)
        ]

    def _policy(self, likeliest: Sampled) -> dict[str, Any]:
        """Probabilities along the likeliest way."""
        operators = [[round(p, 4) for p in position] for position in likeliest.operator_logs[0].exp().tolist()]
        links = [round(p, 4) for p in likeliest.link_logits[0].sigmoid().tolist()] if self.strategy.skips != "fixed" else []
        path = self.architectures(likeliest)[0]
        return {
            "operators": operators,
            "links": links,
            "likeliest": path.model_dump(mode="json"),
            "macs_share": self.space.macs(path) / self.space.macs(self.space.start()),
        }

    def _generator(self, *purpose: object) -> torch.Generator:
        return torch.Generator().manual_seed(derive_seed(self.seed, *purpose))

    def state_dict(self) -> dict[str, Any]:
        """The state of weights, controller, optimisers and incumbent."""
        return {
            **self.shared.state_dict(),
            "learner": self.learner.state_dict(),
            "incumbent": self.incumbent.model_dump_json(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state that `state_dict` returned."""
        self.shared.load_state_dict(state)
        self.learner.load_state_dict(state["learner"])
        self.incumbent = Architecture.model_validate_json(state["incumbent"])


def _with_momentum(optimiser: torch.optim.Optimizer) -> None:
    """Momentum of 0 for all weights: torch's fused SGD cannot begin with some of them first."""
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            optimiser.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)


def _module(training: Training) -> nn.Module:
    module: nn.Module = training.model.module
    return module


def _codes(sampled: Sampled) -> list[tuple[str, str]]:
    """Operators and links of each architecture as digits."""
    return [("".join(map(str, a)), "".join(map(str, b))) for a, b in zip(sampled.operators.tolist(), sampled.links.tolist(), strict=True)]
