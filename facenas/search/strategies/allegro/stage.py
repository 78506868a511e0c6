"""The supernet's epochs: for every batch first the architecture parameters, then the weights."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from facenas.backbones import Architecture, Blueprint
from facenas.backbones.cell_supernet import CellSupernet
from facenas.errors import SettingsError
from facenas.search.held_out import HeldClasses, split, still_statistics
from facenas.search.row import NetworkCost
from facenas.search.settings import SearchSettings
from facenas.search.strategies.allegro import AllegroSettings
from facenas.search.strategies.allegro.hypergradient import asymptotic, dominant_eigenvalue, hypergradient
from facenas.search.supernet_training import SupernetTraining
from facenas.training.device import derive_seed, make_fabric
from facenas.training.feed import BatchSampler, Inputs
from facenas.training.recipe import Recipe
from facenas.training.tasks import Task

Examples = tuple[Tensor, Tensor]  # images (B, C, H, W) and labels (B,)
BETAS = (0.5, 0.999)  # of Adam, DARTS, appendix A


class Differentiable:
    """Learns architecture parameters by the hypergradient on held-out data, and the supernet's weights on training data, by turns.

    Args:
        settings: Settings of the search, whose strategy is `allegro`.
        task: Data of the search.

    Raises:
        SettingsError: If the space is not one of cells, or the settings do not go together.

    Source: AllegroNAS, section 3; Liu et al., "DARTS: differentiable architecture search", 2019, algorithm 1.
    """

    def __init__(self, settings: SearchSettings, task: Task) -> None:
        space = settings.space.mixed_cells()
        if not isinstance(settings.strategy, AllegroSettings) or not space:
            raise SettingsError(
                f"strategy allegro searches cells: set space.name=cells or --config cifar10-allegro, got space {settings.space.name!r}"
            )
        if settings.sample_rate is not None or settings.recipe.precision in ("fp16", "fp64"):
            raise SettingsError("strategy allegro differentiates by hand: set sample_rate=null and recipe.precision to fp32 or bf16")
        space.check_supernet(depth=settings.strategy.cells, width=settings.strategy.channels)
        self.strategy, self.space, self.limits = settings.strategy, space, settings.limits
        self.blueprint = Blueprint(architecture=space.start(), space=settings.space)
        self.seed = derive_seed("supernet", settings.seeded(), self.strategy.telling())
        self.task, held = split(task, "accuracy", self.strategy.held_share, self.seed)
        assert isinstance(held, HeldClasses)
        self.held = held
        self.recipe = Recipe(**settings.recipe.model_dump() | {"lr": self.strategy.lr, "schedule": self.strategy.schedule.model_dump()})
        self.fabric = make_fabric(settings.device, self.recipe.precision)
        self.shared = SupernetTraining(
            self.task, self.blueprint, self._supernet,
            recipe=self.recipe, epochs=self.epochs, seed=self.seed, fabric=self.fabric,
        )  # fmt: skip
        self.training, self.feed, self.layout = self.shared.training, self.shared.feed, self.shared.layout
        self.supernet = cast(CellSupernet, self.training.model.network)
        self.weights = [one for one in self.training.model.parameters() if not any(one is alpha for alpha in self.supernet.alphas)]
        self.adam = torch.optim.Adam(
            self.supernet.alphas, lr=self.strategy.architecture_lr, betas=BETAS, weight_decay=self.strategy.architecture_decay
        )

    @property
    def epochs(self) -> int:
        """Number of epochs of the supernet."""
        return self.strategy.epochs

    def _supernet(self) -> CellSupernet:
        made: CellSupernet = self.space.supernet(depth=self.strategy.cells, width=self.strategy.channels)
        for alpha in made.alphas:  # the weights' optimiser leaves them alone
            alpha.requires_grad_(False)
        return made

    def epoch(self, number: int, progress: Callable[[float], None]) -> dict[str, Any]:
        """Go once through the training data: for each batch a step of the architecture parameters, then one of the weights.

        Args:
            number: Number of the epoch, from 0.
            progress: Called with how far the stage is, in epochs.

        Returns:
            Facts of the epoch, as JSON values: loss, learning rate, chi, accuracy on held-out data, and the cells as they are now.

        Source: Liu et al., "DARTS: differentiable architecture search", 2019, algorithm 1.
        """
        chi = asymptotic(number, self.strategy.chi_epochs, least=self.strategy.chi_min, most=self.strategy.chi_max)
        architecture_step = self._architecture_step(number, chi)
        for index, batch in enumerate(self.shared.epoch(self.seed)):
            architecture_step(index, batch.inputs)
            batch.weight_step()
            progress(number + (index + 1) / self.shared.steps)
        return {**self.shared.facts(*self.supernet.alphas), "chi": chi, **self._measured(number), **self._found()}

    def _architecture_step(self, number: int, chi: float) -> Callable[[int, Inputs], None]:
        """The step of an epoch's architecture parameters: along the hypergradient, by a training batch and one of held-out data."""
        held, steps = self._held_batches(number), self.shared.steps

        def step(index: int, inputs: Inputs) -> None:
            now, then, alphas = self._trained_on(inputs), next(held), self.supernet.alphas
            lr = self.recipe.learning_rate(number + (index + 0.5) / steps, self.epochs)
            with self._learning_alphas(), still_statistics(self.training.model), unrounded():
                gradients = hypergradient(
                    lambda: self._loss(now), lambda: self._loss(then), self.weights, alphas,
                    order=self.strategy.order, lr=lr, chi=chi, drift=self._drift(), exact=lambda: self._loss(now, exact=True),
                )  # fmt: skip
            for alpha, gradient in zip(alphas, gradients, strict=True):
                alpha.grad = gradient
            self.adam.step()
            self.adam.zero_grad()

        return step

    def _loss(self, batch: Examples, *, exact: bool = False) -> Tensor:
        with nullcontext() if exact else self.fabric.autocast():  # Fabric's own module wants every way back to be Fabric's
            loss: Tensor = self.training.model.module(*batch)[0]
        return loss

    def _trained_on(self, inputs: Inputs) -> Examples:
        images, labels, draws = self.feed.batch(*inputs)
        return self._changed(images, draws), labels

    def _changed(self, images: Tensor, draws: Tensor) -> Tensor:
        augmentation = self.recipe.augmentation
        batch = augmentation.change(self.task.contract.prepare(augmentation.crop(images, draws)), draws)
        return batch.contiguous(memory_format=self.layout)

    def _held_batches(self, number: int) -> Iterator[Examples]:
        """Held-out images in random order, over and over, changed like those of training, as DARTS does."""
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "held", number))
        dealing = BatchSampler(self.held.items, min(self.recipe.batch_size, self.held.items))
        while True:
            for rows in dealing.order(generator):
                yield self._held_batch(rows, self.recipe.augmentation.draw(len(rows), generator))

    def _held_batch(self, rows: Tensor, draws: Tensor) -> Examples:
        device = self.fabric.device
        return self._changed(self.held.images[rows].to(device), draws.to(device)), self.held.labels[rows].to(device)

    def _drift(self) -> list[Tensor]:
        """What the optimiser adds to the gradient of each weight."""
        if self.strategy.step_ahead == "gradient" or self.strategy.order != "second":
            return []
        added = dict[int, Tensor]()
        for optimiser in self.training.optimisers:
            for group in optimiser.param_groups:
                for weight in group["params"]:
                    buffer = optimiser.state[weight].get("momentum_buffer")
                    decay = group["weight_decay"] * weight.detach()
                    added[id(weight)] = decay if buffer is None else decay + group["momentum"] * buffer
        return [added[id(weight)] for weight in self.weights]

    @contextmanager
    def _learning_alphas(self) -> Iterator[None]:
        for alpha in self.supernet.alphas:
            alpha.requires_grad_(True)
        try:
            yield
        finally:
            for alpha in self.supernet.alphas:
                alpha.requires_grad_(False)

    def _measured(self, number: int) -> dict[str, float]:
        """Accuracy on all held-out data, and the dominant eigenvalue of its loss's Hessian on some of it."""
        accuracy = self.held.accuracy(self.training.model.module, np.arange(self.held.items))
        if not self.strategy.eigenvalue_iterations:
            return {"accuracy": accuracy}
        rows = torch.randperm(self.held.items, generator=torch.Generator().manual_seed(self.seed))[: self.strategy.eigenvalue_batch]
        images = self.task.contract.prepare(self.held.images[rows].to(self.fabric.device)).contiguous(memory_format=self.layout)
        batch = images, self.held.labels[rows].to(self.fabric.device)
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "eigenvalue", number))
        with self._learning_alphas(), still_statistics(self.training.model), unrounded():
            eigenvalue = dominant_eigenvalue(
                lambda: self._loss(batch, exact=True),
                self.supernet.alphas,
                iterations=self.strategy.eigenvalue_iterations,
                generator=generator,
            )
        return {"accuracy": accuracy, "eigenvalue": eigenvalue}

    def _found(self) -> dict[str, Any]:
        """The cells that would be derived now."""
        likeliest = self.supernet.derived()
        normal, reduction = self.space.skips(likeliest)
        shares = {name: alpha.softmax(1).tolist() for name, alpha in zip(("normal", "reduction"), self.supernet.alphas, strict=True)}
        collapsed = {"remark": f"the search collapses: {normal} of the normal cell's 8 edges are skips"}
        return {
            **(collapsed if normal >= self.strategy.collapse_skips else {}),
            "skips": [normal, reduction],
            "likeliest": likeliest.model_dump(mode="json"),
            "edges": shares,
        }

    def state_dict(self) -> dict[str, Any]:
        """Weights and architecture parameters with their optimisers."""
        return {**self.shared.state_dict(), "adam": self.adam.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state that `state_dict` returned."""
        self.shared.load_state_dict(state)
        self.adam.load_state_dict(state["adam"])

    def shortlist(self) -> list[Architecture]:
        """The likeliest architecture, by the architecture parameters, that is within the limits.

        Raises:
            SettingsError: If no architecture is.
        """
        limits = self.limits
        for found in self.supernet.derivations():
            if not limits.excess(NetworkCost(*self.space.cost(found))):
                return [found]
        raise SettingsError("no cells of this space are within the limits; widen them, or lower space.depth or space.channels")


@contextmanager
def unrounded() -> Iterator[None]:
    """In this context, convolutions in fp32 are computed in fp32, not in TF32, whose 10 bits a step of the weights would be lost in."""
    cudnn = torch.backends.cudnn
    with cudnn.flags(enabled=cudnn.enabled, benchmark=cudnn.benchmark, deterministic=cudnn.deterministic, allow_tf32=False):
        yield
