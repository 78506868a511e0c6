"""How training images reach the device: an epoch's order, dealt to the ranks in whole batches."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from facenas.data import Augmentation
from facenas.data.loader import FaceLoader
from facenas.errors import SettingsError

Inputs = tuple[Tensor, ...]


@dataclass(frozen=True)
class BatchSampler:
    """The images of one optimiser step, wherever they are computed: every number of ranks sees the same batches.

    Attributes:
        images: Number of images in the training set.
        size: Number of images in a step, on all ranks together.
        ranks: Number of processes that share a step.
        rank: Number of this process among them, from 0.
    """

    images: int
    size: int
    ranks: int = 1
    rank: int = 0

    def __post_init__(self) -> None:
        """Refuse a batch that the ranks cannot share evenly."""
        if self.size % self.ranks:
            raise SettingsError(f"a batch of {self.size} cannot be shared by {self.ranks} devices; choose a multiple of {self.ranks}")

    @property
    def steps(self) -> int:
        """Steps of an epoch; the remainder that fills no batch is left out."""
        return self.images // self.size

    def order(self, generator: torch.Generator) -> Tensor:
        """Shuffled row numbers of the images of an epoch, of all ranks: (steps, size)."""
        return torch.randperm(self.images, generator=generator)[: self.steps * self.size].view(self.steps, self.size)

    def share(self, of_all: Tensor) -> Tensor:
        """The part of this rank (steps, size / ranks, ...) in something that every image of an epoch has (steps, size, ...)."""
        return of_all.chunk(self.ranks, dim=1)[self.rank]


class Feed(Protocol):
    """Batches of training images."""

    @property
    def dealing(self) -> BatchSampler:
        """How the images of an epoch are dealt to steps and ranks."""

    def epoch(self, seed: int, start: int) -> Iterator[Inputs]:
        """What `batch` needs for each step of an epoch, from step `start` on; tensors of the same sizes every time.

        Args:
            seed: Seed of the order and of the random draws of this epoch.
            start: Number of steps of the epoch that are done already.
        """

    def batch(self, *inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images (B, C, H, W), uint8, their labels (B,) and random draws (B, R), on the device."""

    def places(self, seed: int, step: int) -> list[str]:
        """Where the images of a step of an epoch come from, for messages.

        Args:
            seed: Seed of the epoch, as given to `epoch`.
            step: Number of the step in the epoch, from 0.
        """


@dataclass(frozen=True)
class Resident:
    """Images that all lie on the device; batches are gathered there.

    Attributes:
        images: Images (M, C, H, W), uint8, on the device.
        labels: Their labels (M,), on the device.
        augmentation: Augmentation whose random draws come with every batch.
        dealing: How the images of an epoch are dealt to steps and ranks.
    """

    images: Tensor
    labels: Tensor
    augmentation: Augmentation
    dealing: BatchSampler

    def epoch(self, seed: int, start: int) -> Iterator[Inputs]:
        """Row numbers (B,) and draws (B, R) of each step; those of an epoch are sent to the device at once.

        Args:
            seed: Seed of the order and of the random draws of this epoch.
            start: Number of steps of the epoch that are done already.
        """
        generator = torch.Generator().manual_seed(seed)
        order = self.dealing.order(generator)
        draws = self.augmentation.draw(order.numel(), generator).view(*order.shape, -1)
        both = [self.dealing.share(values)[start:].to(self.images.device) for values in (order, draws)]
        return zip(*both, strict=True)

    def batch(self, *inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images (B, C, H, W), labels (B,) and random draws (B, R) of the rows that `epoch` gave."""
        rows, draws = inputs
        return self.images[rows], self.labels[rows], draws

    def places(self, seed: int, step: int) -> list[str]:
        """Row numbers of the images of a step of an epoch, in words.

        Args:
            seed: Seed of the epoch, as given to `epoch`.
            step: Number of the step in the epoch, from 0.
        """
        return [f"image {row}" for row in self.dealing.order(torch.Generator().manual_seed(seed))[step].tolist()]


class Stream:
    """Images that worker processes decode and augment while the device computes.

    Args:
        loader: Loader that reads this rank's share of a step at a time.
        augmentation: Augmentation whose random draws come with every batch.
        dealing: How the images of an epoch are dealt to steps and ranks.
        device: Device that the images are sent to.
    """

    def __init__(self, loader: FaceLoader, *, augmentation: Augmentation, dealing: BatchSampler, device: torch.device) -> None:
        self.loader, self.augmentation, self.dealing, self.device = loader, augmentation, dealing, device

    def epoch(self, seed: int, start: int) -> Iterator[Inputs]:
        """Images (B, C, H, W), uint8, identities (B,) and draws (B, R) of each step, on the device.

        Args:
            seed: Seed of the order and of all random changes of this epoch.
            start: Number of steps of the epoch that are done already.
        """
        generator = torch.Generator().manual_seed(seed)
        order = self.dealing.order(generator)
        draws = self.dealing.share(self.augmentation.draw(order.numel(), generator).view(*order.shape, -1)).to(self.device)
        places = self.dealing.share(torch.arange(order.numel()).view_as(order)).flatten().numpy()
        rows, first = self.dealing.share(order).flatten().numpy(), start * self.loader.batch_size
        for batch, drawn in zip(self.loader.epoch(rows, seed=seed, start=first, places=places), draws[start:], strict=True):
            yield batch.images.to(self.device, non_blocking=True), batch.identities.to(self.device, non_blocking=True), drawn

    def batch(self, *inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What `epoch` gave, unchanged: images (B, C, H, W), identities (B,) and draws (B, R) are on the device already."""
        images, labels, draws = inputs
        return images, labels, draws

    def places(self, seed: int, step: int) -> list[str]:
        """Files or records from which the images of a step of an epoch come.

        Args:
            seed: Seed of the epoch, as given to `epoch`.
            step: Number of the step in the epoch, from 0.
        """
        rows = self.dealing.order(torch.Generator().manual_seed(seed))[step].tolist()
        return [self.loader.faces.place(row) for row in rows]
