"""Templates: several photographs and videos of a person as one embedding, and scores of pairs of them."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from facenas.data.faces import Labels
from facenas.eval.embed import Embeddings
from facenas.eval.extract import unit
from facenas.eval.settings import Weighting

BLOCK = 512  # templates whose scores with many others are computed at a time

# What the published tables used. `ijb_evals.py` calls keeping the norm "N0"; its flag `use_norm_score=True` normalises, the opposite of
# `eval_ijbc.py`, where True keeps the norm.
PUBLISHED_WEIGHTINGS = {
    "arcface_torch": Weighting(norm="keep", detector=True),
    "ijb_evals N0D1F1": Weighting(norm="keep", detector=True),
    "ijb_evals N1D1F1": Weighting(norm="unit", detector=True),
    "AdaFace": Weighting(norm="keep", detector=False),
    "CVLface": Weighting(norm="unit", detector=True),
}


@dataclass(frozen=True)
class Templates:
    """Templates.

    Attributes:
        names: Their numbers in the benchmark, ascending, (T,).
        embeddings: Of unit length, (T, D).
    """

    names: NDArray[np.integer]
    embeddings: Embeddings

    def rows(self, names: NDArray[np.integer]) -> Labels:
        """Where the templates of these numbers are (K,)."""
        lookup = np.zeros(int(self.names[-1]) + 1, np.int64)
        lookup[self.names] = np.arange(len(self.names))
        rows: Labels = lookup[names]
        return rows


def pool(
    features: Embeddings,
    template: NDArray[np.integer],
    media: NDArray[np.integer],
    *,
    weighting: Weighting,
    detector_scores: NDArray[np.float32] | None = None,
) -> Templates:
    """Pool photographs to templates: the mean of each medium's photographs, the sum of the media, at unit length.

    Args:
        features: Raw embeddings of photographs (N, D), mirror images added.
        template: Template of each (N,).
        media: Image or video of each (N,); the photographs of one in a template count as one.
        weighting: Of the photographs.
        detector_scores: The face detector's confidence in each (N,), where the weighting asks for it.

    Source: the pooling of InsightFace's `eval_ijbc.py`, `image2template_feature`.
    """
    keys = template.astype(np.int64) * (int(media.max()) + 1) + media
    _, medium, frames = np.unique(keys, return_inverse=True, return_counts=True)
    weights = 1 / frames[medium]
    if weighting.detector and detector_scores is not None:
        weights = weights * detector_scores
    if weighting.norm == "unit":
        weights = weights / np.maximum(np.linalg.norm(features, axis=1), 1e-12)
    names, place = np.unique(template, return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(len(names)))
    pooled = torch.nn.functional.embedding_bag(
        torch.from_numpy(order), torch.from_numpy(features), torch.from_numpy(starts), mode="sum",
        per_sample_weights=torch.from_numpy(weights[order].astype(np.float32)),
    )  # fmt: skip
    return Templates(names, unit(pooled.numpy()))


def template_scores(embeddings: Embeddings, first: Labels, second: Labels) -> NDArray[np.float32]:
    """Cosine scores (P,) of pairs of templates.

    The protocols compare each of some templates with many: so a block of first templates is multiplied with all that it meets, and the
    wanted products are picked.

    Args:
        embeddings: Of unit length (T, D).
        first: Row of each pair's first template (P,).
        second: Of its second (P,).
    """
    scores = np.empty(len(first), np.float32)
    names = np.unique(first)
    block = np.empty(len(embeddings), np.int32)
    block[names] = np.arange(len(names)) // BLOCK
    of_pairs = block[first]
    order = np.argsort(of_pairs, kind="stable") if (np.diff(of_pairs) < 0).any() else None
    bounds = np.searchsorted(of_pairs if order is None else of_pairs[order], np.arange(len(names) // BLOCK + 2))
    met, place = np.zeros(len(embeddings), bool), np.empty(len(embeddings), np.int64)
    for number, (start, stop) in enumerate(pairwise(bounds.tolist())):
        if start == stop:
            continue
        chosen = slice(start, stop) if order is None else order[start:stop]
        those, others = first[chosen], second[chosen]
        left = names[number * BLOCK : (number + 1) * BLOCK]
        met[:] = False
        met[others] = True
        right = np.flatnonzero(met)
        place[right], place_left = np.arange(len(right)), np.searchsorted(left, those)
        products = embeddings[left] @ embeddings[right].T
        scores[chosen] = products[place_left, place[others]]
    return scores
