"""Templates: several photographs and videos of a person as one embedding, and scores of pairs of them."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facenas.data.faces import Labels
from facenas.errors import NotFiniteError
from facenas.eval.embed import Embeddings
from facenas.eval.extraction import unit
from facenas.eval.scores import Flags
from facenas.eval.weighting import Weighting

BLOCK = 512  # templates whose scores with many others are computed at a time
Rows = NDArray[np.integer]

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
    """Embeddings of a benchmark's templates.

    Attributes:
        names: Numbers of the templates in the benchmark, ascending, (T,).
        embeddings: Embedding of each template, of unit length, (T, D).
    """

    names: NDArray[np.integer]
    embeddings: Embeddings

    def rows(self, names: NDArray[np.integer]) -> Labels:
        """Rows (K,) of the templates that have these numbers (K,)."""
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
        weighting: How the photographs of a template are weighed.
        detector_scores: The face detector's confidence in each (N,), where the weighting asks for it.

    Raises:
        NotFiniteError: If an embedding holds a number that is not finite.

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
    if len(bad := np.flatnonzero(~np.isfinite(pooled.numpy()).all(1))):
        raise NotFiniteError(
            f"{len(bad)} templates are not finite numbers, for example {names[bad[0]]}; check the embeddings of its photographs"
        )
    return Templates(names, unit(pooled.numpy()))


def template_scores(embeddings: Embeddings, first: NDArray[np.integer], second: NDArray[np.integer]) -> NDArray[np.float32]:
    """Cosine scores (P,) of pairs of templates.

    The protocols compare each of some templates with many: so a block of first templates is multiplied with all that it meets, and the
    wanted products are picked.

    Args:
        embeddings: Embeddings of the templates, of unit length (T, D).
        first: Row of each pair's first template (P,).
        second: Row of each pair's second template (P,).
    """
    scores = np.empty(len(first), np.float32)
    if not len(first):
        return scores
    first, second, firsts, seconds = _fewest_products(first, second, len(embeddings))
    row, column = _places(firsts), _places(seconds)
    lefts, rights = np.flatnonzero(firsts), np.flatnonzero(seconds)
    candidates = embeddings[rights]
    of_pairs = _picked((row // BLOCK).astype(np.int16), first)
    order = np.argsort(of_pairs, kind="stable") if (of_pairs[1:] < of_pairs[:-1]).any() else None
    products = np.empty(BLOCK * len(candidates), np.float32)
    for number, (start, stop) in enumerate(pairwise([0, *np.cumsum(np.bincount(of_pairs)).tolist()])):
        chosen = slice(start, stop) if order is None else order[start:stop]
        left, place = embeddings[lefts[number * BLOCK : (number + 1) * BLOCK]], _picked(column, second[chosen])
        least, most = int(place.min()), int(place.max()) + 1
        found = products[: len(left) * (most - least)].reshape(len(left), most - least)
        np.matmul(left, candidates[least:most].T, out=found)
        place += _picked((row - number * BLOCK) * (most - least) - least, first[chosen])
        scores[chosen] = _picked(found.ravel(), place)
    return scores


def _fewest_products(first: Rows, second: Rows, templates: int) -> tuple[Rows, Rows, Flags, Flags]:
    """The pairs and who occurs on their sides; turned, the lower row first, where half of all products are the fewest."""
    firsts, seconds = _met(first, templates), _met(second, templates)
    if (firsts | seconds).sum() ** 2 / 2 >= firsts.sum() * seconds.sum():
        return first, second, firsts, seconds
    first, second = np.minimum(first, second), np.maximum(first, second)
    return first, second, _met(first, templates), _met(second, templates)


def _met(rows: Rows, templates: int) -> Flags:
    met: Flags = np.bincount(rows, minlength=templates) > 0
    return met


def _places(met: Flags) -> NDArray[np.int64]:
    places: NDArray[np.int64] = np.cumsum(met) - 1
    return places


def _picked(table: NDArray[Any], places: Rows) -> NDArray[Any]:
    """`table[places]` by several threads."""
    picked: NDArray[Any] = torch.from_numpy(table).index_select(0, torch.from_numpy(places)).numpy()
    return picked
