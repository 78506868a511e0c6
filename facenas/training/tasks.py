"""What a network is trained and validated for: recognising faces, or classifying images."""

from typing import Any, Protocol

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from facenas.backbones import Blueprint
from facenas.data import FaceSet, ImageSet, InputContract, balanced_pairs
from facenas.data.faces import Images
from facenas.errors import DataError
from facenas.eval import embed_images, metrics, torch_embedder
from facenas.eval.verification import pair_scores
from facenas.heads import Head, MarginHead, PartialFC, RowSGD, margin_loss
from facenas.training.feed import Dealing, Feed, Resident
from facenas.training.recipe import Recipe

Answers = NDArray[np.bool_]


class Task(Protocol):
    """Training data, the model around a network, and its validation.

    Attributes:
        contract: What the network expects of an image.
        images: To train on (M, C, H, W), uint8.
        labels: Their classes or identities (M,).
        content: All images and labels, of training and validation: what a result depends on.
    """

    contract: InputContract
    images: Tensor
    labels: Tensor
    content: list[NDArray[Any]]

    def model(self, blueprint: Blueprint) -> "FaceModel | ClassModel":
        """A fresh network and all that training adds to it: images (B, C, H, W) and labels (B,) -> mean loss and hits."""

    def optimisers(self, model: nn.Module, recipe: Recipe, device: torch.device) -> list[torch.optim.Optimizer]:
        """One of everything, or one of the network and one of class centres that are spread over the ranks."""

    def feed(self, fabric: Fabric, recipe: Recipe) -> Feed:
        """The training images in batches, for this process."""

    @property
    def validation_items(self) -> int:
        """Questions of the validation split; 0 if there is none."""

    def validate(self, network: nn.Module) -> Answers:
        """Whether each question of the validation split is answered correctly (M,)."""


class FaceModel(nn.Module):
    """A backbone with a margin head; a head that is spread over the ranks is left alone by DistributedDataParallel."""

    def __init__(self, network: nn.Module, head: MarginHead | PartialFC) -> None:
        super().__init__()
        self.network: nn.Module = network
        self.head = head
        if isinstance(head, PartialFC):
            own = [f"head.{name}" for name in head.state_dict()]
            DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(self, own)  # type: ignore[no-untyped-call]

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W), identities (B,) -> mean loss, number of hits."""
        embeddings = self.network(images)
        if isinstance(self.head, PartialFC):  # loss and hits of all ranks
            result = self.head(embeddings, labels)
            return result.loss, result.correct * (self.head.rank == 0)
        return margin_loss(self.head, embeddings, labels)


class ClassModel(nn.Module):
    """A classifier."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network: nn.Module = network

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W), classes (B,) -> mean loss, number of hits."""
        logits = self.network(images)
        return functional.cross_entropy(logits.float(), labels), (logits.detach().argmax(1) == labels).sum()


class FaceTask:
    """Tell the training identities apart; validated by verifying pairs of the held-out identities.

    Args:
        train: Photographs to train on.
        validation: Photographs of other people; None: the task cannot be validated.
        head: Margin head.
        contract: What the network expects of an image.
        pair_seed: Seed of the choice of validation pairs.
        sample_rate: Share of the class centres that a step meets, spread over the ranks (Partial FC); None: a head on every rank.
    """

    def __init__(
        self,
        train: FaceSet,
        validation: FaceSet | None,
        *,
        head: Head,
        contract: InputContract,
        pair_seed: int = 0,
        sample_rate: float | None = None,
    ) -> None:
        if validation and set(validation.names) & set(train.names):
            raise DataError("an identity is in both the training and the validation photographs")
        self.contract, self.head, self.pair_seed, self.sample_rate = contract, head, pair_seed, sample_rate
        self.images, self.labels = as_tensors(train.images), torch.from_numpy(train.identities)
        self.people = len(train.names)
        self.content = [array for faces in (train, validation) if faces for array in (faces.images, faces.identities)]
        self.dataset, self.seen = train.dataset, tuple(sorted({*train.names, *(validation.names if validation else ())}))
        self.validation = validation
        self.pairs = balanced_pairs(validation.identities, seed=pair_seed) if validation else None

    def model(self, blueprint: Blueprint) -> FaceModel:
        """Backbone and head."""
        if self.sample_rate is None:
            return FaceModel(blueprint.build(), self.head.build(blueprint.dimension, self.people))
        network = blueprint.build()
        return FaceModel(network, PartialFC(self.head, blueprint.dimension, self.people, sample_rate=self.sample_rate, seed=self.pair_seed))

    def optimisers(self, model: nn.Module, recipe: Recipe, device: torch.device) -> list[torch.optim.Optimizer]:
        """SGD; class centres that are spread over the ranks have their own."""
        if self.sample_rate is None:
            return [recipe.optimiser(model, device)]
        centres = RowSGD(model.get_submodule("head").parameters(), lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay)
        return [recipe.optimiser(model.get_submodule("network"), device), centres]

    def feed(self, fabric: Fabric, recipe: Recipe) -> Feed:
        """All images on the device."""
        return resident(self.images, self.labels, fabric, recipe)

    @property
    def validation_items(self) -> int:
        """Pairs of held-out people."""
        return len(self.pairs) if self.pairs else 0

    def validate(self, network: nn.Module) -> Answers:
        """Whether each pair of held-out people is verified correctly by the ten-fold protocol (P,)."""
        if self.validation is None or self.pairs is None:
            raise DataError("this task has no validation photographs")
        device = next(network.parameters()).device
        embeddings = embed_images(torch_embedder(network, self.contract, device), self.validation.images)
        return metrics.verification_accuracy(pair_scores(embeddings, self.pairs), self.pairs.same).right


class ClassTask:
    """Classify images; validated by the accuracy on the held-out ones.

    Args:
        train: Images to train on.
        validation: Other images; None: the task cannot be validated.
        contract: What the network expects of an image.
    """

    def __init__(self, train: ImageSet, validation: ImageSet | None, *, contract: InputContract) -> None:
        self.contract, self.validation = contract, validation
        self.images, self.labels = as_tensors(train.images), torch.from_numpy(train.labels)
        self.content = [array for images in (train, validation) if images for array in (images.images, images.labels)]

    def model(self, blueprint: Blueprint) -> ClassModel:
        """The network alone."""
        return ClassModel(blueprint.build())

    def optimisers(self, model: nn.Module, recipe: Recipe, device: torch.device) -> list[torch.optim.Optimizer]:
        """SGD."""
        return [recipe.optimiser(model, device)]

    def feed(self, fabric: Fabric, recipe: Recipe) -> Feed:
        """All images on the device."""
        return resident(self.images, self.labels, fabric, recipe)

    @property
    def validation_items(self) -> int:
        """Validation images."""
        return len(self.validation) if self.validation else 0

    def validate(self, network: nn.Module) -> Answers:
        """Whether each validation image is classified correctly (M,)."""
        if self.validation is None:
            raise DataError("this task has no validation images")
        logits = classify(network, self.validation.images, self.contract)
        right: Answers = logits.argmax(1).numpy() == self.validation.labels
        return right


def resident(images: Tensor, labels: Tensor, fabric: Fabric, recipe: Recipe) -> Resident:
    """Images (M, C, H, W) and labels (M,) sent to the device."""
    dealing = Dealing(len(images), min(recipe.batch_size, len(images)), fabric.world_size, fabric.global_rank)
    return Resident(images.to(fabric.device), labels.to(fabric.device), recipe.augmentation, dealing)


def classify(network: nn.Module, images: Images, contract: InputContract, *, batch_size: int = 256) -> Tensor:
    """Logits (M, N), on the CPU, of images (M, H, W, C)."""
    network.eval()
    device = next(network.parameters()).device
    batches = torch.split(as_tensors(images), batch_size)
    with torch.inference_mode():
        return torch.cat([network(contract.prepare(batch.to(device))).float().cpu() for batch in batches])


def as_tensors(images: Images) -> Tensor:
    """Images (M, H, W, C) as (M, C, H, W), laid out channels last."""
    return torch.from_numpy(images).permute(0, 3, 1, 2)
