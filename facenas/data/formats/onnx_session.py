"""The one place where onnxruntime opens a file."""

from pathlib import Path
from typing import Any

SILENT = 4  # onnxruntime's level of logging: what goes wrong is raised


def open_session(model: Path | bytes, *, threads: int = 0, provider: str = "CPUExecutionProvider") -> Any:
    """An onnxruntime session that prints nothing.

    Args:
        model: An ONNX file, or the content of one.
        threads: Threads within an operation; 0 stands for as many as there are cores.
        provider: The execution provider of onnxruntime that computes.

    Raises:
        Exception: Whatever onnxruntime raises for a model that it cannot use; its exceptions share no other base class.
    """
    import onnxruntime

    onnxruntime.set_default_logger_severity(SILENT)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, SILENT
    return onnxruntime.InferenceSession(model if isinstance(model, bytes) else str(model), options, providers=[provider])
