"""Labelled images for classification."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facenas.data.faces import Images, Labels
from facenas.errors import DataError

Moments = NDArray[np.float64]


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
        """The images of the given rows (K,), with their labels."""
        return ImageSet(self.images[rows], self.labels[rows], self.num_classes)


@dataclass(frozen=True)
class ImageSplit:
    """Development images cut into training and validation; the test set is not part of them."""

    train: ImageSet
    validation: ImageSet


def of_classes(images: ImageSet, classes: tuple[int, ...]) -> ImageSet:
    """The images of some classes, numbered anew.

    Args:
        images: Labelled images.
        classes: Numbers of the classes to keep, whose order gives the new numbers, from 0; empty: all are kept as they are.

    Raises:
        DataError: If a class does not exist or is given twice, or only one is given.
    """
    if not classes:
        return images
    if len(set(classes)) < max(2, len(classes)) or not set(classes) <= set(range(images.num_classes)):
        raise DataError(f"data.classes needs two or more different classes from 0 to {images.num_classes - 1}, got {list(classes)}")
    of_these = images.rows(np.flatnonzero(np.isin(images.labels, classes)))
    labels = np.array([classes.index(int(label)) for label in of_these.labels], dtype=np.int64)
    return ImageSet(of_these.images, labels, len(classes))


def pixel_statistics(images: ImageSet) -> tuple[Moments, Moments]:
    """Mean and standard deviation of each channel (C,), in 0..255; a deviation of 0 counts as 1."""
    pixels = images.images.reshape(len(images), -1, images.images.shape[3])
    mean, std = (np.asarray(values, dtype=np.float64).ravel() for values in cv2.meanStdDev(pixels))
    return mean, np.where(std > 0, std, 1.0)


def framed(images: ImageSet, size: int) -> ImageSet:
    """Labelled images at another side: larger by a black frame around them, smaller by a frame to a multiple of it and means of blocks.

    Args:
        images: Square images (M, H, H, C).
        size: Side of the new images in pixels.

    Raises:
        DataError: If the black frame would be wider by a pixel on one side.
    """
    side = images.images.shape[1]
    block = -(-side // size)
    if (block * size - side) % 2:
        raise DataError(f"images of {side} x {side} pixels have no middle in {block * size} x {block * size}; choose an even data.size")
    margin = ((block * size - side) // 2,) * 2
    made = np.pad(images.images, ((0, 0), margin, margin, (0, 0)))
    if block > 1:
        made = made.reshape(len(made), size, block, size, block, -1).mean(axis=(2, 4)).round().astype(np.uint8)
    return ImageSet(made, images.labels, images.num_classes)


def split_stratified(images: ImageSet, *, share: float, seed: int) -> ImageSplit:
    """Hold out the same share of every class.

    Args:
        images: Labelled images.
        share: Held-out share of each class, a fraction.
        seed: Seed of the choice of held-out images.

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
