"""Modules that have moved, under the names that they had: an import of an old name gives the module itself."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

ROOMS = {
    "data.sources": ("class_sources", "folders", "lists", "parquet_faces", "record_faces", "synthetic"),
    "data.formats": (
        "bin_pairs", "bin_pickle", "records", "record_writer", "idx", "lines", "listed_files", "parquet_files", "picture_files", "walking",
        "decoded", "decoded_faces", "packing", "images",
    ),
    "data.benchmarks": ("ijb", "tinyface", "pair_files", "pair_lists", "pairs", "verification_set", "lfw_download"),
    "data.augmentation": ("augment", "face_augment", "face_changes", "transforms", "pipeline", "pipeline_file", "sheet"),
    "search.strategies": (
        "dynamic_ranking", "nsga2", "regularized_evolution", "sample", "tpe", "allegro", "allegro.hypergradient", "allegro.stage", "nar",
        "nar.controller", "nar.policy", "nar.stage",
    ),
    "eval.benchmarks": ("ijb", "tinyface"),
    "recognition.detectors": ("yunet", "dlib_detector"),
}  # fmt: skip
MOVED = {f"facenas.{room.split('.')[0]}.{name}": f"facenas.{room}.{name}" for room, names in ROOMS.items() for name in names} | {
    "facenas.search.random_search": "facenas.search.strategies.random",
    "facenas.training.score": "facenas.score",
    "facenas.data.held_out": "facenas.data.sources.source",
    "facenas.search.allegro.settings": "facenas.search.strategies.allegro",
    "facenas.search.nar.settings": "facenas.search.strategies.nar",
    "facenas.backbones.fused": "facenas.native.fused",
    "facenas.backbones.norm_prelu": "facenas.native.norm_prelu",
    "facenas.data.lanczos": "facenas.native.lanczos",
}


class Moved(MetaPathFinder, Loader):
    """Finds modules by their former names."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The place of a module that has moved; None for any other.

        Args:
            fullname: Name of the module that is imported.
            path: Where its package looks for modules.
            target: The module that is loaded again, if one is.
        """
        return ModuleSpec(fullname, self) if fullname in MOVED else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module itself, under its present name."""
        module = import_module(MOVED[spec.name])
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module as it is: it was executed under its present name."""
        module.__spec__ = self._spec


def answer_to_former_names() -> None:
    """Let imports of former names succeed; first of all ways, since the modules of a package that has moved would be found twice."""
    if not any(isinstance(finder, Moved) for finder in sys.meta_path):
        sys.meta_path.insert(0, Moved())
