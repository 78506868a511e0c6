"""ONNX files of strangers: weights outside of the file are read from its own folder and nowhere else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from facenas.errors import ModelError


def check_onnx_data(path: Path) -> None:
    """See that a file names no data outside of the folder that it is in; links are followed.

    Raises:
        ModelError: If it does, or is no ONNX file.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError:
        raise ModelError(f"{path} is not a usable ONNX model: it cannot be decoded") from None
    folder = path.resolve().parent
    for place in _places(model):
        if not (path.parent / place).resolve().is_relative_to(folder):
            raise ModelError(f"the weights of {path} must lie in its own folder, but it names {place!r}; do not use this file")


def _places(message: Any) -> Iterator[str]:
    """Files that tensors anywhere in a message say that they are in."""
    from onnx import TensorProto

    if isinstance(message, TensorProto):
        yield from (entry.value for entry in message.external_data if entry.key == "location")
        return
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for part in value if _repeated(field) else [value]:
                yield from _places(part)


def _repeated(field: Any) -> bool:
    return bool(field.is_repeated) if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED
