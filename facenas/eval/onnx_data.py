"""ONNX files of strangers: weights outside of the file are read from its own folder and nowhere else."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from facenas.errors import ModelError


def read_onnx(path: Path) -> Any:
    """The graph of a file, an `onnx.ModelProto`, without what it keeps in other files, which must be there and in its own folder.

    Raises:
        ModelError: If a file with its data is missing or elsewhere, or it is no ONNX file.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError:
        raise ModelError(f"{path} is not a usable ONNX model: it cannot be decoded") from None
    folder = path.resolve().parent
    for place in outside(model):
        if not (path.parent / place).resolve().is_relative_to(folder):
            raise ModelError(f"the weights of {path} must lie in its own folder, but it names {place!r}; do not use this file")
        if not (path.parent / place).is_file():
            raise ModelError(f"the weights of {path} are in {place!r}, and there is no such file beside it; put it there")
    return model


def outside(model: Any) -> list[str]:
    """The files, seen from the model's folder, that hold a part of it; links are named, not followed."""
    return sorted(set(_places(model)))


def onnx_digest(path: Path, model: Any) -> str:
    """Hash of all that a model computes with: the file, and the content of the files that it keeps weights in.

    Args:
        path: The ONNX file.
        model: Its content, as `read_onnx` gives it.
    """
    whole = sha256(path.read_bytes())
    for place in outside(model):
        with (path.parent / place).open("rb") as stream:
            while block := stream.read(1 << 24):
                whole.update(block)
    return whole.hexdigest()


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
