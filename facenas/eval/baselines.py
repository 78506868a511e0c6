"""Classical face recognisers from scikit-learn, fitted to the people that a network may train on."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline

from facenas.data import FaceSet
from facenas.data.faces import Images
from facenas.eval.embed import Embeddings

COMPONENTS = 100
Fit = Callable[[FaceSet], Callable[[Images], Embeddings]]


def pixels(train: FaceSet) -> Callable[[Images], Embeddings]:
    """An embedding function that takes grey values as they are; nothing is learned."""
    return _unit


def eigenfaces(train: FaceSet) -> Callable[[Images], Embeddings]:
    """An embedding function by principal components of the training people's pictures (Turk & Pentland, 1991)."""
    model = PCA(min(COMPONENTS, len(train) - 1), random_state=0).fit(_grey(train.images))
    return lambda images: _normalised(model.transform(_grey(images)))


def fisherfaces(train: FaceSet) -> Callable[[Images], Embeddings]:
    """An embedding function by principal components, then linear discriminants of the training people (Belhumeur et al., 1997)."""
    model = make_pipeline(PCA(min(COMPONENTS, len(train) - len(train.names)), random_state=0), LinearDiscriminantAnalysis())
    model.fit(_grey(train.images), train.identities)
    return lambda images: _normalised(model.transform(_grey(images)))


BASELINES: dict[str, Fit] = {"raw pixels": pixels, "eigenfaces": eigenfaces, "fisherfaces": fisherfaces}


def _grey(images: Images) -> NDArray[np.float32]:
    grey: NDArray[np.float32] = images.mean(axis=3, dtype=np.float32).reshape(len(images), -1)
    return grey


def _unit(images: Images) -> Embeddings:
    return _normalised(_grey(images))


def _normalised(features: NDArray[np.floating]) -> Embeddings:
    unit: Embeddings = (features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)).astype(np.float32)
    return unit
