"""facenas: search, train, evaluate and export face-recognition backbones."""

import os
from typing import TYPE_CHECKING, Any

from facenas.moved import answer_to_former_names

if TYPE_CHECKING:
    from facenas import api
    from facenas.recognition import FaceModel, align, load

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before onnxruntime is imported, in each process; it would write to the user's folder

answer_to_former_names()

__version__ = "0.1.0"
__all__ = ["FaceModel", "__version__", "align", "api", "load"]


def __getattr__(name: str) -> Any:
    """The package's names, each imported when it is first used: torch alone takes seconds."""
    if name == "api":
        from importlib import import_module

        return import_module("facenas.api")
    if name in __all__:
        from facenas import recognition

        return getattr(recognition, name)
    raise AttributeError(f"module 'facenas' has no attribute {name!r}")
