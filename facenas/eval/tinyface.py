"""TinyFace: closed-set identification of very small faces among many distractors."""

from dataclasses import dataclass
from pathlib import Path

from facenas.data import TinyFace
from facenas.eval.benchmark import Curve
from facenas.eval.bootstrap import Decisions
from facenas.eval.embed import Embeddings
from facenas.eval.extract import unit
from facenas.eval.identification import Search, cmc, rank_decisions, search
from facenas.eval.pictures import Pictures, filed_pictures

RANKS = (1, 5, 20)


@dataclass(frozen=True)
class RankFigures:
    """Result on TinyFace.

    Attributes:
        rank: Share of the probes of which one of the k best gallery images shows the person.
        probes: Number of probes.
        gallery: Number of gallery images, distractors among them.
    """

    rank: dict[str, float]
    probes: int
    gallery: int

    @property
    def rates(self) -> dict[str, float]:
        """As the paper's Table 7 has them."""
        return {f" rank {k}": rate for k, rate in self.rank.items()}


@dataclass(frozen=True)
class GalleryBenchmark:
    """Probes and a gallery.

    Attributes:
        data: The benchmark's files.
        pictures: Its photographs.
    """

    data: TinyFace
    pictures: Pictures

    @property
    def name(self) -> str:
        """Its name."""
        return "tinyface"

    @property
    def remark(self) -> str:
        """What is odd about it."""
        return self.data.remark

    def rows_of(self, saved: Embeddings, path: Path) -> Embeddings:
        """One embedding a photograph: probes, gallery matches, distractors."""
        return self.pictures.rows_of(saved, path)

    def measure(self, features: Embeddings) -> RankFigures:
        """Search every probe."""
        found, data = self._search(features), self.data
        return RankFigures({str(k): rate for k, rate in found.rates(RANKS).items()}, len(data.probes), len(data.gallery))

    def decisions(self, features: Embeddings) -> list[Decisions]:
        """The first of each search."""
        found = self._search(features)
        return [rank_decisions(found.rank[found.mated], self.data.probe_identities[found.mated])]

    def curves(self, features: Embeddings) -> dict[str, Curve]:
        """The CMC."""
        return {"cmc": cmc([self._search(features)])}

    def _search(self, features: Embeddings) -> Search:
        data, embeddings = self.data, unit(features)
        return search(embeddings[data.probes], data.probe_identities, embeddings[data.gallery], data.gallery_identities)


def tinyface_benchmark(data: TinyFace) -> GalleryBenchmark:
    """The benchmark, ready to be run."""
    return GalleryBenchmark(data, filed_pictures(data.photographs, data.count))
