"""1:N identification: who of a gallery a probe shows, if anyone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facenas.data.faces import Labels
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
        probes: Of unit length (Q, D).
        people: The person of each probe (Q,).
        gallery: Of unit length (G, D).
        identities: The person of each entry (G,); negative: a distractor, nobody's mate.
    """
    parts, step = [], max(1, AT_ONCE // len(gallery))
    for start in range(0, len(probes), step):
        scores = probes[start : start + step] @ gallery.T
        right = (identities == people[start : start + step, None]) & (identities >= 0)
        best, mate = scores.max(1), np.where(right, scores, -np.inf).max(1)
        rank = 1 + ((scores >= mate[:, None]) & ~right).sum(1)
        parts.append((np.where(mate > -np.inf, rank, 0), best, mate))
    rank, best, mate = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Search(rank, best.astype(np.float32), mate.astype(np.float32))


def cmc(found: Sequence[Search], most: int = 50) -> list[tuple[float, float]]:
    """Points (rank, share of the mated probes found) of the cumulative match characteristic, over several galleries."""
    ranks = np.concatenate([one.rank[one.mated] for one in found])
    return [(float(k), float((ranks <= k).mean())) for k in range(1, most + 1)]
