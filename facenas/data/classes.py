"""Labelled images for classification."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from facenas.data.faces import Images, Labels
from facenas.errors import DataError
from facenas.settings import Section


@dataclass(frozen=True)
class ImageSet:
    """Images (M, H, W, C), uint8, and their classes (M,), from 0 to num_classes - 1."""

    images: Images
    labels: Labels
    num_classes: int

    def __len__(self) -> int:
        """Number of images."""
        return len(self.images)

    def rows(self, rows: Labels) -> "ImageSet":
        """The images of the given rows."""
        return ImageSet(self.images[rows], self.labels[rows], self.num_classes)


@dataclass(frozen=True)
class ImageSplit:
    """Training data cut in two; the test set is not part of it."""

    train: ImageSet
    validation: ImageSet


class DigitImages(Section):
    """scikit-learn's handwritten digits: 1,797 grey images of 8x8 pixels, 10 classes; nothing to download."""

    name: Literal["digits"] = Field("digits", description="Name of the source.")
    classes: tuple[int, ...] = Field((), description="Only these classes, numbered anew in this order; empty: all.")

    def load(self) -> ImageSet:
        """The first 1,437 images, for training; the remaining 360 are the test set."""
        return _of_classes(self._all().rows(np.arange(1437)), self.classes)

    def test(self) -> ImageSet:
        """The test images."""
        return _of_classes(self._all().rows(np.arange(1437, 1797)), self.classes)

    def _all(self) -> ImageSet:
        from sklearn.datasets import load_digits

        digits = load_digits()
        images = np.round(digits.images * (255 / 16)).astype(np.uint8)[..., None]
        return ImageSet(images, digits.target.astype(np.int64), 10)


class Cifar10Images(Section):
    """CIFAR-10 as torchvision keeps it: 50,000 training and 10,000 test images, 32x32, 10 classes (Krizhevsky, 2009)."""

    name: Literal["cifar10"] = Field("cifar10", description="Name of the source.")
    root: str = Field("data", description="Folder that holds cifar-10-batches-py or cifar-10-python.tar.gz.")
    classes: tuple[int, ...] = Field((), description="Only these classes, numbered anew in this order; empty: all.")

    def load(self) -> ImageSet:
        """The training images."""
        return _of_classes(self._read(train=True), self.classes)

    def test(self) -> ImageSet:
        """The test images."""
        return _of_classes(self._read(train=False), self.classes)

    def _read(self, *, train: bool) -> ImageSet:
        from torchvision.datasets import CIFAR10

        try:
            images = CIFAR10(Path(self.root).expanduser(), train=train)
        except RuntimeError:
            raise DataError(
                f"no CIFAR-10 in {self.root}; unpack cifar-10-python.tar.gz there, or name another folder with --set data.root=FOLDER"
            ) from None
        return ImageSet(images.data, np.array(images.targets, dtype=np.int64), 10)


ClassSource = DigitImages | Cifar10Images


def _of_classes(images: ImageSet, classes: tuple[int, ...]) -> ImageSet:
    if not classes:
        return images
    if len(set(classes)) < max(2, len(classes)) or not set(classes) <= set(range(images.num_classes)):
        raise DataError(f"data.classes needs two or more different classes from 0 to {images.num_classes - 1}, got {list(classes)}")
    of_these = images.rows(np.flatnonzero(np.isin(images.labels, classes)))
    labels = np.array([classes.index(int(label)) for label in of_these.labels], dtype=np.int64)
    return ImageSet(of_these.images, labels, len(classes))


def split_stratified(images: ImageSet, *, share: float, seed: int) -> ImageSplit:
    """Hold out the same share of every class.

    Args:
        images: Labelled images.
        share: Held-out share of each class, a fraction.
        seed: Of the choice.

    Raises:
        DataError: If a class would have no image on one side.
    """
    rng = np.random.default_rng(seed)
    held_out = []
    for label in range(images.num_classes):
        rows = rng.permutation(np.flatnonzero(images.labels == label))
        count = round(share * len(rows))
        if not 0 < count < len(rows):
            raise DataError(f"holding out {share:.0%} of class {label} with {len(rows)} images leaves one side empty; change the share")
        held_out.append(rows[:count])
    validation = np.sort(np.concatenate(held_out))
    return ImageSplit(images.rows(np.setdiff1d(np.arange(len(images)), validation)), images.rows(validation))
