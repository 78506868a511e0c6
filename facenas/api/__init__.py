"""The verbs of the command line as functions: typed settings in, typed results out, nothing printed unless it is asked for.

Each takes what its command takes, by the same names: `facenas search --config smoke --run r --workers 2` is
`api.search("smoke", run="r", workers=2)`; `--set head.margin=0.2` is `set={"head.margin": 0.2}`. What a user can fix is raised as a
`FacenasError` with one sentence. Warnings go to the logger `facenas`, as does, at the level INFO, what the commands tell; `progress=True`
shows both on standard error, with bars where there is a terminal. Nothing heavy is imported before a verb is used.
"""

from typing import TYPE_CHECKING

from facenas.lazily import lazily

if TYPE_CHECKING:
    from facenas.api.aligning import AlignResult, align
    from facenas.api.comparing import CompareResult, compare
    from facenas.api.embedding import EmbedResult, embed
    from facenas.api.evaluating import EvalResult, evaluate, evaluate_models
    from facenas.api.exporting import ExportResult, export
    from facenas.api.galleries import GalleryResult, Identified, IdentifyResult, gallery, identify
    from facenas.api.model_comparison import ModelComparison, compare_models
    from facenas.api.pictures import open_model
    from facenas.api.pushing import PushResult, push
    from facenas.api.quick_start import QuickstartResult, quickstart
    from facenas.api.searches import SearchComparison, compare_searches
    from facenas.api.searching import SearchResult, finish_search, search
    from facenas.api.studying import StudyResult, study
    from facenas.api.training import TrainResult, train

__all__ = [
    "AlignResult",
    "CompareResult",
    "EmbedResult",
    "EvalResult",
    "ExportResult",
    "GalleryResult",
    "Identified",
    "IdentifyResult",
    "ModelComparison",
    "PushResult",
    "QuickstartResult",
    "SearchComparison",
    "SearchResult",
    "StudyResult",
    "TrainResult",
    "align",
    "compare",
    "compare_models",
    "compare_searches",
    "embed",
    "evaluate",
    "evaluate_models",
    "export",
    "finish_search",
    "gallery",
    "identify",
    "open_model",
    "push",
    "quickstart",
    "search",
    "study",
    "train",
]
__getattr__ = lazily(
    __name__,
    {
        "facenas.api.aligning": ("AlignResult", "align"),
        "facenas.api.comparing": ("CompareResult", "compare"),
        "facenas.api.embedding": ("EmbedResult", "embed"),
        "facenas.api.evaluating": ("EvalResult", "evaluate", "evaluate_models"),
        "facenas.api.exporting": ("ExportResult", "export"),
        "facenas.api.galleries": ("GalleryResult", "Identified", "IdentifyResult", "gallery", "identify"),
        "facenas.api.model_comparison": ("ModelComparison", "compare_models"),
        "facenas.api.pictures": ("open_model",),
        "facenas.api.pushing": ("PushResult", "push"),
        "facenas.api.quick_start": ("QuickstartResult", "quickstart"),
        "facenas.api.searches": ("SearchComparison", "compare_searches"),
        "facenas.api.searching": ("SearchResult", "finish_search", "search"),
        "facenas.api.studying": ("StudyResult", "study"),
        "facenas.api.training": ("TrainResult", "train"),
    },
)
