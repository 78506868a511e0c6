"""Accuracy of shared weights on data that they are not trained on, never on that of a test."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facenas.data import FaceDataset, InputContract, Pairs, in_memory, share_of_each
from facenas.errors import DataError, SettingsError
from facenas.eval import metrics, unit
from facenas.eval.verification import pair_scores
from facenas.training.tasks import ClassTask, FaceTask, Task, as_tensors

Rows = NDArray[np.int64]
BATCH = 256  # images that BatchNorm's statistics are of


class Held(Protocol):
    """Questions on held-out data, by which paths of a supernet are judged."""

    @property
    def items(self) -> int:
        """Number of questions."""

    def accuracy(self, model: nn.Module, rows: Rows) -> float:
        """Share of these questions that the model's path answers correctly.

        Args:
            model: Training module, whose `network` computes the path to judge.
            rows: Numbers of the questions to ask, shape (K,).

        Returns:
            The share, in [0, 1].
        """


class HeldClasses:
    """Labelled images as questions: of classes, or of the training people.

    Args:
        images: The images (M, H, W, C), uint8.
        labels: Class or person of each image (M,).
        contract: What the network expects of an image.
    """

    def __init__(self, images: NDArray[np.uint8], labels: NDArray[Any], contract: InputContract) -> None:
        self.images, self.labels, self.contract = as_tensors(images), torch.from_numpy(labels), contract

    @property
    def items(self) -> int:
        """Number of images."""
        return len(self.labels)

    @torch.no_grad()
    def accuracy(self, model: nn.Module, rows: Rows) -> float:
        """Share of the images that are given their own class, or whose nearest class centre is that of their own person.

        Args:
            model: Training module; its `network` maps images to logits (K, N), or to embeddings (K, D) for its `head`.
            rows: Numbers of the images to classify, shape (K,).

        Returns:
            The share, in [0, 1].
        """
        judged: Any = model.head.cosines if hasattr(model, "head") else lambda outputs: (outputs,)  # type: ignore[union-attr]
        made = _outputs(model.get_submodule("network"), self.images, rows, self.contract)
        best = [judged(outputs)[0].argmax(1).cpu() for outputs in made]
        return float((torch.cat(best) == self.labels[rows]).float().mean())


class HeldPairs:
    """Pairs of photographs of the validation people as questions.

    Args:
        task: The task of the search, with validation photographs and pairs.
    """

    def __init__(self, task: FaceTask) -> None:
        if task.validation is None or task.pairs is None:
            raise DataError("a reward by verification needs validation people: set validation_share")
        self.pairs, self.contract = task.pairs, task.contract
        self.images = as_tensors(in_memory(task.validation).images)

    @property
    def items(self) -> int:
        """Number of pairs."""
        return len(self.pairs)

    @torch.no_grad()
    def accuracy(self, model: nn.Module, rows: Rows) -> float:
        """Share of the pairs that are decided correctly, each at the threshold that is best on the other folds.

        Args:
            model: Training module; its `network` maps images to embeddings (B, D).
            rows: Numbers of the pairs to decide, shape (K,).

        Returns:
            The share, in [0, 1].
        """
        same = self.pairs.same[rows]
        used, places = np.unique(np.concatenate([self.pairs.first[rows], self.pairs.second[rows]]), return_inverse=True)
        first, second = np.split(places, 2)
        features = unit(torch.cat(list(_outputs(model.get_submodule("network"), self.images, used, self.contract))).cpu().numpy())
        return float(metrics.verification_accuracy(pair_scores(features, Pairs(first, second, same)), same, min(10, len(rows))).mean)


def split(task: Task, reward: str, share: float, seed: int) -> tuple[Task, Held]:
    """Split a task into what the shared weights are trained on, and what rewards are measured on.

    Args:
        task: Task of the search.
        reward: What is measured: `accuracy` or `verification`.
        share: Share of each person's photographs that is held out, where people are to be recognised; a fraction.
        seed: Seed of that choice.

    Raises:
        SettingsError: If nothing would be left to train on.
    """
    if isinstance(task, ClassTask):
        if task.validation is None or reward != "accuracy":
            raise SettingsError("classes are rewarded by accuracy on validation images: set strategy.reward=accuracy and validation_share")
        return task, HeldClasses(task.validation.images, task.validation.labels, task.contract)
    assert isinstance(task, FaceTask)
    if reward == "verification":
        return task, HeldPairs(task)
    kept = share_of_each(task.train.identities, 1 - share, seed=seed)
    held = in_memory(task.train.rows(np.setdiff1d(np.arange(len(task.train)), kept)))
    if not len(held):
        raise SettingsError(f"a share of {share} of each person's photographs is none; raise the share that the strategy holds out")
    return _with_photographs(task, task.train.rows(kept)), HeldClasses(held.images, held.identities, task.contract)


def _with_photographs(task: FaceTask, train: FaceDataset) -> FaceTask:
    options = {name: getattr(task, name) for name in ("head", "contract", "pair_seed", "sample_rate", "augmentation", "workers")}
    return FaceTask(train, task.validation, **options)


def _outputs(network: nn.Module, images: Tensor, rows: Rows, contract: InputContract) -> Iterator[Tensor]:
    """Outputs (B, D) for rows of images (M, C, H, W), each batch normalised by its own statistics: paths share no others that would fit."""
    device = next(network.parameters()).device
    batches = np.array_split(rows, -(-len(rows) // BATCH))  # of nearly equal sizes: none is too small for its statistics
    with _by_batch_statistics(network):
        for batch in batches:
            yield network(contract.prepare(images[batch].to(device)).contiguous(memory_format=torch.channels_last)).float()


@contextmanager
def still_statistics(model: nn.Module) -> Iterator[None]:
    """In this context, BatchNorms and all other modules that keep buffers look at their batch, as in training, but do not remember it.

    So two passes on one batch are equal. BatchNorm keeps what it had by a momentum of 0; of the others, whoever wrote them,
    each pass through the model changes copies.
    """
    norms = list(_norms(model))
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        with _forgetting(model, [module for module in model.modules() if module._buffers and module not in norms]):
            yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


@contextmanager
def _forgetting(model: nn.Module, keepers: list[nn.Module]) -> Iterator[None]:
    """Each pass through the model, or through a part of it, leaves the buffers of these modules as they were before it."""
    depth, kept = 0, list[dict[str, Tensor | None]]()

    def enter(*_: object) -> None:
        nonlocal depth
        depth += 1
        if depth == 1:
            kept.extend(dict(module._buffers) for module in keepers)
            for module in keepers:
                module._buffers.update({name: buffer if buffer is None else buffer.clone() for name, buffer in module._buffers.items()})

    def leave(*_: object) -> None:
        nonlocal depth
        depth -= 1
        if depth == 0:
            for module, buffers in zip(keepers, kept, strict=True):
                module._buffers.update(buffers)
            kept.clear()

    passes = list(model.modules()) if keepers else []
    hooks = [one.register_forward_pre_hook(enter) for one in passes] + [
        one.register_forward_hook(leave, always_call=True) for one in passes
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def _by_batch_statistics(network: nn.Module) -> Iterator[None]:
    """Evaluation, but for BatchNorm, which looks at the batch and remembers nothing of it.

    Source: ENAS' published code, which rewards so.
    """
    network.eval()
    for norm in _norms(network):
        norm.train()
    try:
        with still_statistics(network):
            yield
    finally:
        network.train()


def _norms(network: nn.Module) -> Iterator[nn.modules.batchnorm._BatchNorm]:
    return (module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm))
