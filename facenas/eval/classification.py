"""Accuracy of a classifier, with what chance allows."""

from dataclasses import dataclass

import numpy as np

from facenas.data import ImageSet
from facenas.eval.confidence import wilson
from facenas.eval.embed import Embedder


@dataclass(frozen=True)
class Classification:
    """How many images a classifier gets right.

    Attributes:
        correct: Number of images classified correctly.
        total: Number of images.
        accuracy: Share of the images classified correctly, a fraction.
        low: Lower end of the accuracy's 95 % confidence interval (Wilson, 1927).
        high: Upper end of the same interval.
    """

    correct: int
    total: int
    accuracy: float
    low: float
    high: float


def classification_accuracy(classifier: Embedder, images: ImageSet, *, batch_size: int = 256) -> Classification:
    """Classify images by the largest output.

    Args:
        classifier: Function from images (B, H, W, C) to logits (B, N).
        images: The images with their classes.
        batch_size: Images per forward pass.
    """
    starts = range(0, len(images), batch_size)
    answers = np.concatenate([classifier(images.images[start : start + batch_size]).argmax(1) for start in starts])
    correct, total = int((answers == images.labels).sum()), len(images)
    return Classification(correct, total, correct / total, *wilson(correct, total))
