"""TinyFace: closed-set identification of very small faces among many distractors."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from facenas.data import TinyFace, open_tinyface
from facenas.data.benchmarks.tinyface import ALIGNED
from facenas.eval.benchmark import BenchmarkFiles, Conditions, Curve
from facenas.eval.bootstrap import Decisions
from facenas.eval.embed import Embeddings
from facenas.eval.extraction import unit
from facenas.eval.identification import Search, check_mated, cmc, rank_decisions, search
from facenas.eval.pictures import Pictures, filed_pictures, there

RANKS = (1, 5, 20)


class TinyFaceFiles(BenchmarkFiles):
    """The files of TinyFace: identification of very small faces."""

    name: Literal["tinyface"] = Field("tinyface", description="Name of the benchmark.")

    def benchmark(self, conditions: Conditions) -> "GalleryBenchmark":
        """Open the benchmark: probes and gallery, with distractors."""
        return tinyface_benchmark(open_tinyface(self.root, size=conditions.size, most_missing=self.most_missing), self.most_missing)

    def present(self) -> bool:
        """Whether the benchmark's folder is there."""
        return any((self.root / name).is_dir() for name in ("tinyface", "Testing_Set", ALIGNED))


@dataclass(frozen=True)
class RankFigures:
    """Result on TinyFace.

    Attributes:
        rank: Share of the probes of which one of the k best gallery images shows the person.
        probes: Number of probes.
        gallery: Number of gallery images, distractors among them.
        left_out: Probes and gallery images that are missing or unreadable.
    """

    rank: dict[str, float]
    probes: int
    gallery: int
    left_out: dict[str, int]

    @property
    def rates(self) -> dict[str, float]:
        """The rank-k rates that the paper's Table 7 has."""
        return {f" rank {k}": rate for k, rate in self.rank.items()}


@dataclass(frozen=True)
class GalleryBenchmark:
    """A benchmark of probes that are searched in a gallery.

    Attributes:
        data: The benchmark's files.
        pictures: The benchmark's photographs.
    """

    data: TinyFace
    pictures: Pictures

    @property
    def name(self) -> str:
        """Name of the benchmark."""
        return "tinyface"

    @property
    def remark(self) -> str:
        """What is odd about the benchmark, "" if nothing is."""
        return self.data.remark

    def rows_of(self, saved: Embeddings, path: Path) -> Embeddings:
        """Embeddings (M, D) of the photographs from a file that holds one each, in the order probes, gallery matches, distractors.

        Args:
            saved: Embeddings (M, D) as they were read from the file.
            path: The file, for the message.

        Raises:
            DataError: If there are more or fewer than photographs.
        """
        return self.pictures.rows_of(saved, path)

    def measure(self, features: Embeddings) -> RankFigures:
        """Search every probe in the gallery."""
        data = self._answered(features)
        counts = {
            what: len(getattr(self.data, part)) - len(getattr(data, part)) for what, part in (("probes", "probes"), ("gallery", "gallery"))
        }
        found = _search(data, features)
        left_out = {what: count for what, count in counts.items() if count}
        return RankFigures({str(k): rate for k, rate in found.rates(RANKS).items()}, len(data.probes), len(data.gallery), left_out)

    def decisions(self, features: Embeddings) -> list[Decisions]:
        """Whether the best entry of each search shows the person."""
        data = self._answered(features)
        found = _search(data, features)
        return [rank_decisions(found.rank[found.mated], data.probe_identities[found.mated])]

    def curves(self, features: Embeddings) -> dict[str, Curve]:
        """The CMC curve of the probes."""
        return {"cmc": cmc([_search(self._answered(features), features)])}

    def _answered(self, features: Embeddings) -> TinyFace:
        """The probes and the gallery images that could be read."""
        known, data = there(features), self.data
        probes, gallery = known[data.probes], known[data.gallery]
        return replace(
            data,
            probes=data.probes[probes],
            probe_identities=data.probe_identities[probes],
            gallery=data.gallery[gallery],
            gallery_identities=data.gallery_identities[gallery],
        )


def _search(data: TinyFace, features: Embeddings) -> Search:
    embeddings = unit(features)
    check_mated(data.probe_identities, data.gallery_identities)
    return search(embeddings[data.probes], data.probe_identities, embeddings[data.gallery], data.gallery_identities)


def tinyface_benchmark(data: TinyFace, most_missing: float = 0) -> GalleryBenchmark:
    """TinyFace, ready to be run.

    Args:
        data: The benchmark's files.
        most_missing: Share of the photographs that may be missing or unreadable, a fraction.
    """
    return GalleryBenchmark(data, filed_pictures(data.photographs, data.count, most_missing))
