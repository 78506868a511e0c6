"""A checksum at the end of an ONNX file: one more entry of its metadata, which every reader knows how to pass over."""

from functools import cache
from hashlib import sha256
from pathlib import Path

KEY = "facenas.sha256"
DIGITS = 64


def sealed_onnx(content: bytes) -> bytes:
    """A serialised ONNX model with the SHA-256 of its bytes appended as metadata; protobuf joins fields that come twice."""
    return content + _head() + sha256(content).hexdigest().encode()


def is_changed(path: Path) -> bool:
    """Whether an ONNX file ends with a checksum of other bytes: it is damaged, or was edited by a tool that kept its metadata."""
    data, head = path.read_bytes(), _head()
    content, found, digits = data[: -DIGITS - len(head)], data[-DIGITS - len(head) : -DIGITS], data[-DIGITS:]
    return found == head and sha256(content).hexdigest().encode() != digits


@cache
def _head() -> bytes:
    """The bytes of the metadata entry before its value."""
    import onnx

    entry = onnx.ModelProto()
    entry.metadata_props.add(key=KEY, value="0" * DIGITS)
    return bytes(entry.SerializeToString()[:-DIGITS])
