"""Batches of faces, decoded and augmented by worker processes that ship bytes."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from facenas.data.augmentation.face_augment import Seeds, image_seeds
from facenas.data.faces import FaceDataset, Images, Labels, sides
from facenas.errors import DataError


class FaceBatch(NamedTuple):
    """Images (B, 3, H, W), uint8 RGB, laid out channels last; their identities (B,) and rows (B,), int64."""

    images: Tensor
    identities: Tensor
    rows: Tensor


class Work(NamedTuple):
    """The rows (B,) of a batch to read, and the places (B,) of its images in the epoch with this seed."""

    rows: Labels
    places: Labels
    epoch_seed: int


class ImageChanges(Protocol):
    """Random changes of single images, each a function of the image and its seed."""

    def changes(self, seeds: Seeds, size: int) -> Sequence[Any]:
        """Draw what happens to each image.

        Args:
            seeds: Seed of each image, shape (K,).
            size: Side of the images in pixels.
        """

    def apply(self, image: Images, change: Any, out: Images) -> None:
        """Change an image and write the result to `out`.

        Args:
            image: The image (H, H, 3), uint8.
            change: One of the values that `changes` returns.
            out: The array (H, H, 3), uint8, that is filled.
        """

    def augment(self, image: Images, seed: int) -> Images:
        """Draw and apply the change of a single image.

        Args:
            image: The image (H, H, 3), uint8.
            seed: Seed of its change.

        Returns:
            The changed image (H, H, 3), uint8.
        """


class FaceLoader:
    """Reads a data set in any order, epoch after epoch; what an image becomes does not depend on the number of workers.

    Args:
        faces: The photographs to read.
        batch_size: Number of images in a batch.
        workers: Number of processes that read, one a core; they last as long as this object. 0: this process reads.
        augmentation: Random changes of the images; None: there are none.
        pin_memory: Whether batches lie in page-locked memory, for a CUDA device.
    """

    def __init__(
        self,
        faces: FaceDataset,
        *,
        batch_size: int,
        workers: int = 0,
        augmentation: ImageChanges | None = None,
        pin_memory: bool = False,
    ) -> None:
        self.faces, self.batch_size = faces, batch_size
        self._work: list[Work] = []
        self._loader = DataLoader(
            _Reader(faces, augmentation),
            batch_size=None,
            sampler=self._work,
            num_workers=workers,
            collate_fn=_as_it_is,
            pin_memory=pin_memory,
            worker_init_fn=_alone,
            persistent_workers=workers > 0,
            generator=torch.Generator(),  # else it takes a number from torch's own, and dropout changes
        )

    def epoch(self, order: Labels, *, seed: int, start: int = 0, places: Labels | None = None) -> Iterator[FaceBatch]:
        """Read the batches of one epoch.

        Args:
            order: Rows in the order of the epoch, (K,); the last batch may be smaller.
            seed: Seed of the epoch's augmentation; an image's own seed derives from it and from the image's place.
            start: Place in the order to go on from, a multiple of the batch size.
            places: Place of each image in an epoch that several processes share, (K,); None: its place in the order.

        Raises:
            DataError: If an image cannot be read; the message names it.
        """
        places = np.arange(len(order)) if places is None else places
        batches = [slice(at, at + self.batch_size) for at in range(start, len(order), self.batch_size)]
        self._work[:] = [Work(order[batch], places[batch], seed) for batch in batches]
        for work, images in zip(list(self._work), self._loader, strict=True):
            if isinstance(images, DataError):
                raise images
            rows = torch.from_numpy(work.rows)
            yield FaceBatch(images.permute(0, 3, 1, 2), torch.from_numpy(self.faces.identities[work.rows]), rows)


def batches(
    faces: FaceDataset,
    order: Labels,
    *,
    epoch_seed: int,
    batch_size: int,
    workers: int = 0,
    augmentation: ImageChanges | None = None,
    start: int = 0,
) -> Iterator[FaceBatch]:
    """The batches of one epoch, by a `FaceLoader` of its own.

    Args:
        faces: The photographs to read.
        order: Rows in the order of the epoch, shape (K,).
        epoch_seed: Seed of the epoch's augmentation.
        batch_size: Number of images in a batch.
        workers: Number of processes that read; 0: this process reads.
        augmentation: Random changes of the images; None: there are none.
        start: Place in the order to go on from, a multiple of the batch size.

    Raises:
        DataError: If an image cannot be read; the message names it.
    """
    return FaceLoader(faces, batch_size=batch_size, workers=workers, augmentation=augmentation).epoch(order, seed=epoch_seed, start=start)


class _Reader(Dataset["Tensor | DataError"]):
    """Reads and augments a batch at a time."""

    def __init__(self, faces: FaceDataset, augmentation: ImageChanges | None) -> None:
        self.faces, self.augmentation = faces, augmentation

    def __getitem__(self, work: Work) -> "Tensor | DataError":
        """Images (B, H, W, 3), uint8; an error as a value, since it loses its sentence on the way from a worker."""
        images = torch.empty(len(work.rows), *sides(self.faces.size), 3, dtype=torch.uint8)
        try:
            self._fill(images.numpy(), work)
        except DataError as error:
            return error
        return images

    def _fill(self, images: Images, work: Work) -> None:
        rows = work.rows.tolist()
        if self.augmentation is None:
            for image, row in zip(images, rows, strict=True):
                image[:] = self.faces.image(row)
            return
        seeds = image_seeds(work.epoch_seed, work.places)
        for image, row, change in zip(images, rows, self.augmentation.changes(seeds, sides(self.faces.size)[0]), strict=True):
            self.augmentation.apply(self.faces.image(row), change, image)


def _as_it_is(images: Any) -> Any:
    return images


def _alone(worker: int) -> None:
    cv2.setNumThreads(0)  # one core a worker
