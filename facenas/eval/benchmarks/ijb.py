"""IJB-B and IJB-C: 1:1 verification of templates, and 1:N identification in two galleries."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from facenas.data import IJB, Pairs, open_ijb, subjects_of
from facenas.data.benchmarks.ijb import TemplateSubjects
from facenas.eval import metrics, roc
from facenas.eval.benchmark import BenchmarkFiles, Conditions, Curve
from facenas.eval.bootstrap import Decisions
from facenas.eval.embed import Embeddings
from facenas.eval.identification import Search, check_mated, cmc, rank_decisions, search
from facenas.eval.pictures import Pictures, filed_pictures, there
from facenas.eval.scores import Flags, Scores, check_kinds
from facenas.eval.templates import Templates, pool, template_scores
from facenas.eval.weighting import Weighting

RANKS, FPIRS, HEADLINE = (1, 5, 10), (0.01, 0.1), "1e-04"


class IjbFiles(BenchmarkFiles):
    """The files of IARPA Janus Benchmark B or C."""

    name: Literal["ijbb", "ijbc"] = Field(description="Name of the benchmark.")

    def benchmark(self, conditions: Conditions) -> "TemplateBenchmark":
        """Open the benchmark: photographs that are aligned when they are asked for, with templates, pairs and galleries."""
        return ijb_benchmark(open_ijb(self.root, name=self.name, size=conditions.size), conditions.weighting, self.most_missing)

    def present(self) -> bool:
        """Whether the benchmark's folder is there."""
        return any((self.root / name).is_dir() for name in (self.name, self.name.upper()))


@dataclass(frozen=True)
class TemplateFigures:
    """Result on IJB-B or IJB-C; rates are fractions.

    Attributes:
        tar_at_far: True accept rate by false accept rate that is not exceeded.
        tar_at_far_nearest: True accept rate at the ROC's nearest point, whose false accept rate may be higher: published tables have this.
        threshold_at_far: Least cosine that is accepted.
        refused: Why there is no rate at the other false accept rates.
        auc: Area under the ROC curve.
        eer: Equal error rate.
        pairs: Pairs of templates.
        genuine: Pairs of templates of one person.
        rank: Share of the mated probes whose person is among the k best, over both galleries.
        tpir_at_fpir: True positive identification rate by false positive identification rate, mean of the galleries.
        probes: Searches of mated probes, over both galleries.
        open_set_refused: Why there is no true positive identification rate.
        left_out: Pairs and probes of templates none of whose photographs can be read.
    """

    tar_at_far: dict[str, float]
    tar_at_far_nearest: dict[str, float]
    threshold_at_far: dict[str, float]
    refused: dict[str, str]
    auc: float
    eer: float
    pairs: int
    genuine: int
    rank: dict[str, float]
    tpir_at_fpir: dict[str, float]
    probes: int
    open_set_refused: dict[str, str]
    left_out: dict[str, int]

    @property
    def rates(self) -> dict[str, float]:
        """TAR at FAR 1e-4 as the paper's Table 7 has it; nothing where there are too few impostor pairs."""
        return {"": self.tar_at_far[HEADLINE]} if HEADLINE in self.tar_at_far else {}


@dataclass(frozen=True)
class TemplateBenchmark:
    """A benchmark of photographs that make up templates.

    Attributes:
        data: The benchmark's files.
        pictures: The benchmark's photographs.
        weighting: How the photographs of a template are weighed.
    """

    data: IJB
    pictures: Pictures
    weighting: Weighting

    @property
    def name(self) -> str:
        """Name of the benchmark, `ijbb` or `ijbc`."""
        return self.data.name

    @property
    def remark(self) -> str:
        """Which numbers of pictures, templates or pairs are not the official ones; "" if all are."""
        return self.data.remark

    def rows_of(self, saved: Embeddings, path: Path) -> Embeddings:
        """Embeddings (M, D) of the photographs from a file that holds one a photograph, in the order of the benchmark's list.

        Args:
            saved: Embeddings (M, D) as they were read from the file.
            path: The file, for the message.

        Raises:
            DataError: If there are more or fewer than photographs.
        """
        return self.pictures.rows_of(saved, path)

    def measure(self, features: Embeddings) -> TemplateFigures:
        """Pool photographs to templates, verify the pairs and identify the probes."""
        data, templates = self._pooled(features)
        same, scores, found = data.pair_same, _scores(data, templates), _searches(data, templates)
        rates = roc.accept_rates(scores, same)
        tpir, refused = dict[str, float](), dict[str, str]()
        for fpir in FPIRS:
            try:
                tpir[f"{fpir:g}"] = float(np.mean([one.tpir_at_fpir(fpir) for one in found]))
            except ValueError as error:
                refused[f"{fpir:g}"] = str(error)
        ranks = np.concatenate([one.rank[one.mated] for one in found])
        lost = {"pairs": len(self.data.pair_same) - len(same), "probes": len(self.data.probes.templates) - len(data.probes.templates)}
        return TemplateFigures(
            tar_at_far=rates.tar,
            tar_at_far_nearest=roc.nearest_tar_at_far(scores, same),
            threshold_at_far=rates.thresholds,
            refused=rates.refused,
            auc=metrics.auc(scores, same),
            eer=metrics.eer(scores, same),
            pairs=len(same),
            genuine=int(same.sum()),
            rank={str(k): float((ranks <= k).mean()) for k in RANKS},
            tpir_at_fpir=tpir,
            probes=len(ranks),
            open_set_refused=refused,
            left_out={what: count for what, count in lost.items() if count},
        )

    def decisions(self, features: Embeddings) -> list[Decisions]:
        """Answers on genuine pairs at the headline's false accept rate, where there is one, and the best entry of each search."""
        data, templates = self._pooled(features)
        scores, found, asked = _scores(data, templates), _searches(data, templates), list[Decisions]()
        if threshold := roc.accept_rates(scores, data.pair_same, [float(HEADLINE)]).thresholds:
            same = data.pair_same
            genuine = Pairs(templates.rows(data.pair_first[same]), templates.rows(data.pair_second[same]), same[same])
            subjects = subjects_of(genuine, len(templates.embeddings))
            asked.append(Decisions(f"TAR@FAR {HEADLINE}", scores[same] >= threshold[HEADLINE], genuine, subjects))
        firsts = np.concatenate([one.rank[one.mated] for one in found])
        people = np.concatenate([data.probes.subjects[one.mated] for one in found])
        return [*asked, rank_decisions(firsts, people)]

    def curves(self, features: Embeddings) -> dict[str, Curve]:
        """The ROC curve of the pairs and the CMC curve of the probes."""
        data, templates = self._pooled(features)
        return {"roc": roc.roc_points(_scores(data, templates), data.pair_same), "cmc": cmc(_searches(data, templates))}

    def _pooled(self, features: Embeddings) -> tuple[IJB, Templates]:
        """What can be asked of the photographs that could be read, and their templates."""
        known, data = there(features), self.data
        if not known.all():
            data, features = _without(data, known), features[known]
        check_kinds(data.pair_same, self.name)
        check_mated(data.probes.subjects, *(gallery.subjects for gallery in data.galleries))
        return data, pool(features, data.template, data.media, weighting=self.weighting, detector_scores=data.detector_scores)


def _without(data: IJB, known: Flags) -> IJB:
    """The benchmark without photographs, and without what was to be asked of templates that have none left."""
    left = np.unique(data.template[known])
    asked = np.isin(data.pair_first, left) & np.isin(data.pair_second, left)

    def of(some: TemplateSubjects) -> TemplateSubjects:
        kept = np.isin(some.templates, left)
        return TemplateSubjects(some.templates[kept], some.subjects[kept])

    return replace(
        data, template=data.template[known], media=data.media[known], detector_scores=data.detector_scores[known],
        pair_first=data.pair_first[asked], pair_second=data.pair_second[asked], pair_same=data.pair_same[asked],
        galleries=(of(data.galleries[0]), of(data.galleries[1])), probes=of(data.probes),
    )  # fmt: skip


def _scores(data: IJB, templates: Templates) -> Scores:
    return template_scores(templates.embeddings, templates.rows(data.pair_first), templates.rows(data.pair_second))


def _searches(data: IJB, templates: Templates) -> list[Search]:
    """Searches of the galleries that have anybody left."""

    def embedded(some: TemplateSubjects) -> Embeddings:
        return templates.embeddings[templates.rows(some.templates)]

    probes, galleries = embedded(data.probes), [gallery for gallery in data.galleries if len(gallery.templates)]
    return [search(probes, data.probes.subjects, embedded(gallery), gallery.subjects) for gallery in galleries]


def ijb_benchmark(data: IJB, weighting: Weighting, most_missing: float = 0) -> TemplateBenchmark:
    """IJB-B or IJB-C, ready to be run.

    Args:
        data: The benchmark's files.
        weighting: How the photographs of a template are weighed.
        most_missing: Share of the photographs that may be missing or unreadable, a fraction.
    """
    return TemplateBenchmark(data, filed_pictures(data.photographs, len(data.names), most_missing, points=data.points), weighting)
