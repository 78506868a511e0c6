"""1:N identification: who of a gallery a probe shows, if anyone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facenas.data import Pairs
from facenas.data.faces import Labels
from facenas.errors import DataError, NotFiniteError
from facenas.eval.bootstrap import Decisions
from facenas.eval.embed import Embeddings

AT_ONCE = 2**24  # scores in memory at a time; with what is computed of them, some 250 MB


@dataclass(frozen=True)
class Search:
    """What a search of a gallery finds.

    Attributes:
        rank: Place of each probe's best right entry among the wrong ones, from 1; 0 if the person is not in the gallery, (Q,).
        best: Highest score of each probe with the gallery, (Q,).
        mate: Highest score with a right entry; -inf if there is none, (Q,).
    """

    rank: Labels
    best: NDArray[np.float32]
    mate: NDArray[np.float32]

    @property
    def mated(self) -> NDArray[np.bool_]:
        """Whether a probe's person is in the gallery (Q,)."""
        return self.rank > 0

    def rates(self, ranks: Sequence[int]) -> dict[int, float]:
        """Share of the mated probes that have a right entry among the k best."""
        found = self.rank[self.mated]
        return {k: float((found <= k).mean()) for k in ranks}

    def threshold_at_fpir(self, fpir: float) -> float:
        """The least threshold above which at most a share `fpir` of the probes that are not in the gallery score with anyone.

        Raises:
            ValueError: If there are too few such probes.
        """
        strangers = np.sort(self.best[~self.mated])
        allowed = int(np.floor(fpir * len(strangers) * (1 + 1e-12)))
        if allowed == 0:
            least = int(np.ceil(1 / fpir))
            raise ValueError(f"FPIR {fpir:g} needs at least {least:,} probes of people outside the gallery, got {len(strangers):,}")
        return float(strangers[-allowed - 1]) if allowed < len(strangers) else -np.inf

    def tpir_at_fpir(self, fpir: float) -> float:
        """True positive identification rate: share of the mated probes whose right entry is best and scores above the threshold.

        Raises:
            ValueError: If there are too few probes of people that are not in the gallery.
        """
        threshold = self.threshold_at_fpir(fpir)
        return float(((self.rank == 1) & (self.mate > threshold))[self.mated].mean())


def search(probes: Embeddings, people: Labels, gallery: Embeddings, identities: Labels) -> Search:
    """Search each probe in a gallery.

    The rank counts the wrong entries that score as high as the best right one, or higher, and one: a tie is not found. Other right entries
    do not push a probe back, which is what "any of the k best shows the person" means.

    Args:
        probes: Embeddings of the probes, of unit length (Q, D).
        people: The person of each probe (Q,).
        gallery: Embeddings of the gallery's entries, of unit length (G, D).
        identities: The person of each entry (G,); negative: a distractor, nobody's mate.

    Raises:
        NotFiniteError: If an embedding holds a number that is not finite.
    """
    known = np.flatnonzero(identities >= 0)
    by_person = known[np.argsort(identities[known], kind="stable")]
    starts, stops = (np.searchsorted(identities[by_person], people, side) for side in ("left", "right"))
    parts, step = [], max(1, AT_ONCE // len(gallery))
    for start in range(0, len(probes), step):
        block = slice(start, start + step)
        scores = probes[block] @ gallery.T
        mates = stops[block] - starts[block]
        probe = np.repeat(np.arange(len(scores)), mates)
        entry = by_person[np.arange(len(probe)) + np.repeat(starts[block] - np.cumsum(mates) + mates, mates)]
        right = scores[probe, entry]
        mate = np.full(len(scores), -np.inf, np.float32)
        with np.errstate(invalid="ignore"):  # refused below
            np.maximum.at(mate, probe, right)
        above = np.count_nonzero(scores >= mate[:, None], axis=1) - np.bincount(probe[right >= mate[probe]], minlength=len(scores))
        parts.append((np.where(mates > 0, 1 + above, 0), scores.max(1), mate))
    rank, best, mate = (np.concatenate(column) for column in zip(*parts, strict=True))
    if not np.isfinite(best).all():
        raise NotFiniteError(
            f"{(~np.isfinite(best)).sum()} of {len(best)} probes have scores that are not finite numbers; check the embeddings"
        )
    return Search(rank, best, mate)


def check_mated(people: Labels, *galleries: Labels) -> None:
    """Refuse probes (Q,) none of whom is in a gallery: no rank can be told.

    Raises:
        DataError: If no probe's person is in any of the galleries.
    """
    if not np.isin(people, np.concatenate(galleries)).any():
        raise DataError(
            f"a probe's person must be in the gallery, which is true of none of {len(people):,}; get the benchmark's files again"
        )


def rank_decisions(rank: Labels, people: Labels) -> Decisions:
    """Whether the best entry of the gallery shows the person, as answers that models are compared by.

    Args:
        rank: Place of the best right entry of each mated probe, from 1, shape (Q,).
        people: The person of each of these probes, shape (Q,).
    """
    rows = np.arange(len(rank))
    return Decisions("rank 1", rank == 1, Pairs(rows, rows, np.ones(len(rank), np.bool_)), people)


def cmc(found: Sequence[Search], most: int = 50) -> list[tuple[float, float]]:
    """Points (rank, share of the mated probes found) of the cumulative match characteristic, over several galleries.

    Args:
        found: Searches in one or several galleries; their mated probes are pooled.
        most: Largest rank.
    """
    ranks = np.concatenate([one.rank[one.mated] for one in found])
    return [(float(k), float((ranks <= k).mean())) for k in range(1, most + 1)]
