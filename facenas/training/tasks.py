"""What a network is trained and validated for: recognising faces, or classifying images."""

import logging
import os
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from facenas.backbones import Blueprint
from facenas.data import FaceDataset, FaceSet, Fingerprint, ImageSet, InputContract, Pairs, balanced_pairs, in_memory, state
from facenas.data.faces import Images
from facenas.data.loader import FaceLoader, ImageChanges
from facenas.data.looks import Looks
from facenas.errors import DataError, SettingsError
from facenas.eval import extract, metrics, torch_embedder, unit
from facenas.eval.verification import pair_scores
from facenas.heads import Head, MarginHead, PartialFC, RowSGD, margin_loss
from facenas.training.feed import BatchSampler, Feed, Resident, Stream
from facenas.training.recipe import Recipe

logger = logging.getLogger("facenas")
Answers = NDArray[np.bool_]


class Task(Protocol):
    """Training data, the model around a network, and its validation.

    Attributes:
        contract: What the network expects of an image.
        content: All images and labels, of training and validation: what a result depends on.
        data: Fingerprints of the data, which know it wherever it lies; empty: not known.
    """

    contract: InputContract
    content: list[NDArray[Any]]
    data: tuple[Fingerprint, ...]

    def model(self, blueprint: Blueprint) -> "BackboneWithHead | ClassModel":
        """A fresh network and all that training adds to it: images (B, C, H, W) and labels (B,) -> mean loss and hits."""

    def optimisers(self, model: nn.Module, recipe: Recipe, device: torch.device) -> list[torch.optim.Optimizer]:
        """One optimiser for all parameters, or one for the network and one for class centres that are spread over the ranks.

        Args:
            model: What `model` made.
            recipe: Recipe with the optimiser's settings.
            device: Device on which the parameters lie.
        """

    def feed(self, fabric: Fabric, recipe: Recipe) -> Feed:
        """The training images in batches, for this process.

        Args:
            fabric: Devices and ranks that train together.
            recipe: Recipe with batch size and augmentation.
        """

    @property
    def validation_items(self) -> int:
        """Number of questions of the validation split; 0 if there is none."""

    def validate(self, network: nn.Module) -> Answers:
        """Whether each question of the validation split is answered correctly (M,)."""


class BackboneWithHead(nn.Module):
    """A backbone with a margin head; a head that is spread over the ranks is left alone by DistributedDataParallel.

    Args:
        network: Backbone, from images (B, C, H, W) to embeddings (B, D).
        head: Margin head, on every rank or spread over them.
    """

    def __init__(self, network: nn.Module, head: MarginHead | PartialFC) -> None:
        super().__init__()
        self.network: nn.Module = network
        self.head = head
        if isinstance(head, PartialFC):
            own = [f"head.{name}" for name in head.state_dict()]
            DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(self, own)  # type: ignore[no-untyped-call]

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Mean loss of a batch, and the number of hits.

        Args:
            images: Images (B, C, H, W) as the network expects them.
            labels: Identities (B,).
        """
        embeddings = self.network(images)
        if isinstance(self.head, PartialFC):  # loss and hits of all ranks
            result = self.head(embeddings, labels)
            return result.loss, result.correct * (self.head.rank == 0)
        return margin_loss(self.head, embeddings, labels)


@runtime_checkable
class Auxiliary(Protocol):
    """A network that may have a second classifier, which sharpens its gradient in training."""

    @property
    def auxiliary_weight(self) -> float:
        """Factor of the second classifier's loss; 0: there is none."""

    def with_auxiliary(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Images (B, C, H, W) to logits (B, N), and those of the second classifier where there is one and the network is in training."""


class ClassModel(nn.Module):
    """A classifier with its loss, cross-entropy."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network: nn.Module = network

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Mean loss of a batch, and the number of hits.

        Args:
            images: Images (B, C, H, W) as the network expects them.
            labels: Classes (B,).
        """
        if isinstance(self.network, Auxiliary) and self.network.auxiliary_weight and self.training:
            logits, aside = self.network.with_auxiliary(images)
            loss = functional.cross_entropy(logits.float(), labels)
            if aside is not None:
                loss = loss + self.network.auxiliary_weight * functional.cross_entropy(aside.float(), labels)
            return loss, (logits.detach().argmax(1) == labels).sum()
        logits = self.network(images)
        return functional.cross_entropy(logits.float(), labels), (logits.detach().argmax(1) == labels).sum()


class FaceTask:
    """Tell the training identities apart; validated by verifying pairs of the held-out identities.

    Args:
        train: Photographs to train on; in memory, they are kept on the device unless worker processes change them.
        validation: Photographs of other people; None: the task cannot be validated.
        head: Settings of the margin head.
        contract: What the network expects of an image.
        pair_seed: Seed of the choice of validation pairs.
        sample_rate: Share of the class centres that a step meets, spread over the ranks (Partial FC); None: a head on every rank.
        augmentation: What worker processes do to the training photographs.
        workers: Number of worker processes of this rank, where there are any; None: as many as its share of the cores.
        data: Fingerprints of the photographs, which know them wherever they lie.
    """

    def __init__(
        self,
        train: FaceDataset,
        validation: FaceDataset | None,
        *,
        head: Head,
        contract: InputContract,
        pair_seed: int = 0,
        sample_rate: float | None = None,
        augmentation: ImageChanges | None = None,
        workers: int | None = None,
        data: tuple[Fingerprint, ...] = (),
    ) -> None:
        if validation and set(validation.names) & set(train.names):
            raise DataError("an identity is in both the training and the validation photographs")
        _check_people(train)
        self.contract, self.head, self.pair_seed, self.sample_rate = contract, head, pair_seed, sample_rate
        self.train, self.augmentation, self.workers, self.data = train, augmentation, workers, data
        self.people = len(train.names)
        self.content = [array for faces in (train, validation) if faces for array in (state(faces), faces.identities)]
        self.dataset, self.seen = train.dataset, tuple(sorted({*train.names, *(validation.names if validation else ())}))
        self.pairs = balanced_pairs(validation.identities, seed=pair_seed) if validation else None
        self.validation = validation
        if self.validation and self.pairs and not isinstance(self.validation, FaceSet):
            self.validation, self.pairs = _paired(self.validation, self.pairs)

    @cached_property
    def looks(self) -> Looks:
        """How the photographs of training and validation look."""
        return Looks.of([faces for faces in (self.train, self.validation) if faces])

    def model(self, blueprint: Blueprint) -> BackboneWithHead:
        """A fresh backbone of the blueprint with a fresh margin head."""
        if self.sample_rate is None:
            return BackboneWithHead(blueprint.build(), self.head.build(blueprint.dimension, self.people))
        network = blueprint.build()
        return BackboneWithHead(
            network, PartialFC(self.head, blueprint.dimension, self.people, sample_rate=self.sample_rate, seed=self.pair_seed)
        )

    def optimisers(self, model: nn.Module, recipe: Recipe, device: torch.device) -> list[torch.optim.Optimizer]:
        """SGD for all parameters; class centres that are spread over the ranks have an SGD of their own.

        Args:
            model: What `model` made.
            recipe: Recipe with the optimiser's settings.
            device: Device on which the parameters lie.
        """
        if self.sample_rate is None:
            return [recipe.optimiser(model, device)]
        centres = RowSGD(model.get_submodule("head").parameters(), lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay)
        return [recipe.optimiser(model.get_submodule("network"), device), centres]

    def feed(self, fabric: Fabric, recipe: Recipe) -> Feed:
        """All photographs on the device, or a stream of them from the workers.

        Args:
            fabric: Devices and ranks that train together.
            recipe: Recipe with batch size and augmentation.
        """
        if isinstance(self.train, FaceSet) and self.augmentation is None:
            return resident(as_tensors(self.train.images), torch.from_numpy(self.train.identities), fabric, recipe)
        cuda, dealing = fabric.device.type == "cuda", dealt(len(self.train), fabric, recipe)
        cores = (os.cpu_count() or 1) // fabric.world_size
        workers = max(1, cores if cuda else cores // 2) if self.workers is None else self.workers
        share = dealing.size // dealing.ranks
        loader = FaceLoader(self.train, batch_size=share, workers=workers, augmentation=self.augmentation, pin_memory=cuda)
        return Stream(loader, augmentation=recipe.augmentation, dealing=dealing, device=fabric.device)

    @property
    def validation_items(self) -> int:
        """Number of pairs of held-out people; 0 if there are none."""
        return len(self.pairs) if self.pairs else 0

    def validate(self, network: nn.Module) -> Answers:
        """Whether each pair of held-out people is verified correctly by the ten-fold protocol (P,)."""
        if self.validation is None or self.pairs is None:
            raise DataError("this task has no validation photographs")
        device = next(network.parameters()).device
        faces = in_memory(self.validation)
        features = extract(torch_embedder(network, self.contract, device), faces.image, len(faces)).values
        return metrics.verification_accuracy(pair_scores(unit(features), self.pairs), self.pairs.same).right


class ClassTask:
    """Classify images; validated by the accuracy on the held-out ones.

    Args:
        train: Images to train on.
        validation: Other images; None: the task cannot be validated.
        contract: What the network expects of an image.
        data: Fingerprints of the images, which know them wherever they lie.
    """

    def __init__(
        self, train: ImageSet, validation: ImageSet | None, *, contract: InputContract, data: tuple[Fingerprint, ...] = ()
    ) -> None:
        self.contract, self.validation, self.data = contract, validation, data
        self.images, self.labels = as_tensors(train.images), torch.from_numpy(train.labels)
        self.content = [array for images in (train, validation) if images for array in (images.images, images.labels)]

    def model(self, blueprint: Blueprint) -> ClassModel:
        """A fresh network of the blueprint with its cross-entropy."""
        return ClassModel(blueprint.build())

    def optimisers(self, model: nn.Module, recipe: Recipe, device: torch.device) -> list[torch.optim.Optimizer]:
        """SGD for all parameters.

        Args:
            model: What `model` made.
            recipe: Recipe with the optimiser's settings.
            device: Device on which the parameters lie.
        """
        return [recipe.optimiser(model, device)]

    def feed(self, fabric: Fabric, recipe: Recipe) -> Feed:
        """All training images on the device.

        Args:
            fabric: Devices and ranks that train together.
            recipe: Recipe with batch size and augmentation.
        """
        return resident(self.images, self.labels, fabric, recipe)

    @property
    def validation_items(self) -> int:
        """Number of validation images; 0 if there are none."""
        return len(self.validation) if self.validation else 0

    def validate(self, network: nn.Module) -> Answers:
        """Whether each validation image is classified correctly (M,)."""
        if self.validation is None:
            raise DataError("this task has no validation images")
        logits = classify(network, self.validation.images, self.contract)
        right: Answers = logits.argmax(1).numpy() == self.validation.labels
        return right


def resident(images: Tensor, labels: Tensor, fabric: Fabric, recipe: Recipe) -> Resident:
    """A feed of images that all lie on the device.

    Args:
        images: Images (M, C, H, W), uint8.
        labels: Their labels (M,).
        fabric: Devices and ranks that train together; the images are sent to this rank's device.
        recipe: Recipe with batch size and augmentation.
    """
    return Resident(images.to(fabric.device), labels.to(fabric.device), recipe.augmentation, dealt(len(images), fabric, recipe))


def dealt(images: int, fabric: Fabric, recipe: Recipe) -> BatchSampler:
    """The sampler of batches of the recipe's size, or of one batch with all images if there are fewer.

    Args:
        images: Number of training images.
        fabric: Devices and ranks that train together.
        recipe: Recipe with batch size and number of parts in which a batch is computed.

    Raises:
        SettingsError: If a rank's share of a batch cannot be computed in so many parts.
    """
    dealing = BatchSampler(images, min(recipe.batch_size, images), fabric.world_size, fabric.global_rank)
    share = dealing.size // dealing.ranks
    if share < 2 * recipe.accumulate:
        raise SettingsError(f"recipe.accumulate={recipe.accumulate} cuts the {share} images of a device into parts of fewer than 2")
    return dealing


def _check_people(faces: FaceDataset) -> None:
    """Refuse labels that name nobody and people without a photograph; people with a single one are told."""
    if len(faces.identities) and not (faces.identities.min() >= 0 and faces.identities.max() < len(faces.names)):
        raise DataError(
            f"labels run from {faces.identities.min()} to {faces.identities.max()}, there are {len(faces.names)} identities from 0; "
            "see `facenas data check`"
        )
    photographs = np.bincount(faces.identities, minlength=len(faces.names))
    empty, single = ([faces.names[i] for i in np.flatnonzero(photographs == count)] for count in (0, 1))
    if empty:
        raise DataError(f"{len(empty)} identities have no photograph, for example {empty[0]}; remove them from the data set")
    if single:
        logger.warning(
            "%d of %d identities have one photograph, for example %s: nothing brings their images together",
            len(single),
            len(faces.names),
            single[0],
        )


def _paired(faces: FaceDataset, pairs: Pairs) -> tuple[FaceSet, Pairs]:
    """The photographs that occur in the pairs alone, in memory."""
    used, places = np.unique(np.concatenate([pairs.first, pairs.second]), return_inverse=True)
    first, second = np.split(places, 2)
    read = in_memory(faces.rows(used))
    if len(read) < len(used):  # the pairs would point at other photographs
        raise DataError(
            f"{len(used) - len(read)} of {len(used)} validation photographs cannot be decoded, see above; repair or remove them"
        )
    return read, Pairs(first, second, pairs.same)


def classify(network: nn.Module, images: Images, contract: InputContract, *, batch_size: int = 256) -> Tensor:
    """Logits (M, N) of images, on the CPU; the network is left in evaluation mode.

    Args:
        network: The classifier.
        images: Images (M, H, W, C), uint8.
        contract: What the network expects of an image.
        batch_size: Number of images that are computed at a time.
    """
    network.eval()
    device = next(network.parameters()).device
    batches = torch.split(as_tensors(images), batch_size)
    with torch.inference_mode():
        return torch.cat([network(contract.prepare(batch.to(device))).float().cpu() for batch in batches])


def as_tensors(images: Images) -> Tensor:
    """Images (M, H, W, C) as (M, C, H, W), laid out channels last."""
    return torch.from_numpy(images).permute(0, 3, 1, 2)
