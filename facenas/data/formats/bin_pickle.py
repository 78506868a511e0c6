"""A pickle reader that knows lists, bytes, numbers and NumPy's arrays of bytes and booleans, and runs nothing else.

It is Python's own reader with a table of operations from which all that is not needed is left out, and whose calls reach
stand-ins alone. The reader in C is not used: a few bytes make it reserve any amount of memory.
"""

import pickle
from dataclasses import dataclass
from io import BytesIO
from math import prod
from pathlib import Path
from pickletools import opcodes
from typing import Any, ClassVar

import numpy as np

from facenas.errors import DataError
from facenas.files import DamagedError, read_sealed

WANTED = "it must hold two lists: 2 P encoded photographs, and P times whether two of them show one person"
OPERATIONS = (
    *("PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "NONE", "NEWTRUE", "NEWFALSE"),
    *("FLOAT", "BINFLOAT", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    *("LIST", "EMPTY_LIST", "APPEND", "APPENDS", "TUPLE", "EMPTY_TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    *("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET", "GLOBAL", "STACK_GLOBAL", "INST", "REDUCE"),
)
CODES = {"u1": "u1", "B": "u1", "b1": "b1", "?": "b1", **{code: code for code in ("i1", "i2", "i4", "i8", "f4", "f8")}}
NAMES = {"EMPTY_DICT": "a dictionary", "DICT": "a dictionary", "EMPTY_SET": "a set", "FROZENSET": "a set"}


@dataclass
class Array:
    """A NumPy array of bytes, booleans or numbers, as a pickle describes it.

    Attributes:
        code: NumPy's code of the type: `u1`, `b1` or that of little-endian numbers.
        shape: Shape of the array.
        data: Values of the array as bytes.
    """

    code: str = "u1"
    shape: tuple[int, ...] = ()
    data: bytes = b""

    def fill(self, shape: Any, code: Any, data: Any) -> None:
        """Set the array's content to what a pickle says that it holds.

        Args:
            shape: A tuple of integers.
            code: One of the known codes of NumPy's types.
            data: As many bytes as shape and type need.

        Raises:
            pickle.UnpicklingError: If the values are of other types, or the number of bytes does not fit.
        """
        if code not in CODES.values() or not isinstance(shape, tuple) or not all(isinstance(length, int) for length in shape):
            raise pickle.UnpicklingError("no array of bytes")
        if not isinstance(data, bytes) or prod(shape) * int(code[1]) != len(data):
            raise pickle.UnpicklingError("an array without its bytes")
        self.code, self.shape, self.data = code, shape, data

    def values(self) -> list[Any]:
        """The numbers of the array in order."""
        numbers: list[Any] = np.frombuffer(self.data, f"<{self.code}").tolist()
        return numbers


def load(path: Path) -> Any:
    """The lists, bytes and numbers in a pickle file; a `str` of Python 2 becomes bytes, a NumPy array an `Array`.

    Raises:
        DataError: If the file is empty, damaged, cut short, or asks for anything else.
    """
    try:
        data = read_sealed(path)
    except DamagedError as error:
        raise DataError(f"{error}; get it again, or make it anew") from None
    if not data:
        raise DataError(f"{path} is empty; get it again")
    file = BytesIO(data)
    try:
        return _Reader(file, path).load()
    except DataError:
        raise
    except Exception:  # what a damaged pickle raises has no other class in common
        raise DataError(
            f"{path} is damaged, cut short or no verification file: its pickle cannot be read beyond byte {file.tell():,} "
            f"of {len(data):,}; get it again"
        ) from None


class _Reader(pickle._Unpickler):
    """Python's own reader with fewer operations."""

    dispatch: ClassVar = {getattr(pickle, name)[0]: pickle._Unpickler.dispatch[getattr(pickle, name)[0]] for name in OPERATIONS}

    def __init__(self, file: BytesIO, path: Path) -> None:
        super().__init__(file, encoding="bytes")
        self.path = path

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for one of the few classes and functions that the pickle of bytes or of a NumPy array names."""
        stand_in = {"numpy.dtype": self._type, **STAND_INS}.get(f"{module.replace('numpy._core', 'numpy.core')}.{name}")
        if stand_in is None:
            raise DataError(f"{self.path} asks for {module}.{name}, which no benchmark file needs; it was not opened further")
        return stand_in

    def _type(self, code: Any, *_: Any) -> str:
        text = code.decode("latin1") if isinstance(code, bytes) else code
        if not isinstance(text, str) or text.lstrip("|<") not in CODES:
            found = f"{text:.20}" if isinstance(text, str) else "unknown"
            raise DataError(f"{self.path} holds a NumPy array of type {found}, which no benchmark file needs; it was not opened further")
        return CODES[text.lstrip("|<")]


def _build(reader: Any) -> None:
    """Fill an array with the state in the pickle; the state of a NumPy type is not needed and dropped."""
    state, target = reader.stack.pop(), reader.stack[-1]
    if isinstance(target, Array):
        _, shape, code, _, data = state
        target.fill(shape, code, data)
    elif target not in CODES.values():
        raise pickle.UnpicklingError("only arrays have a state")
    elif isinstance(state, tuple) and len(state) > 1 and state[1] in (">", b">"):
        raise DataError(f"{reader.path} holds numbers in big-endian order, which no benchmark file needs; write them as little-endian ones")


def _encode(text: str, _: str) -> bytes:
    return text.encode("latin1")


def _empty() -> bytes:
    return b""


def _reconstruct(*_: Any) -> Array:
    return Array()


def _frombuffer(data: Any, code: Any, shape: Any, *_: Any) -> Array:
    array = Array()
    array.fill(shape, code, data)
    return array


def _scalar(code: Any, data: bytes) -> Any:
    array = Array()
    array.fill((1,), code, data)
    return array.values()[0]


def _refusing(name: str) -> Any:
    """A function that takes the place of a pickle operation that is not needed, and raises an error."""

    def refuse(reader: _Reader) -> None:
        raise DataError(f"{reader.path} holds {NAMES.get(name, f'what is not needed ({name})')} and is no verification file: {WANTED}")

    return refuse


_Reader.dispatch |= {getattr(pickle, code.name)[0]: _refusing(code.name) for code in opcodes if code.name not in OPERATIONS}
_Reader.dispatch[pickle.BUILD[0]] = _build
_Reader.dispatch[pickle.BYTEARRAY8[0]] = _Reader.dispatch[pickle.BINBYTES8[0]]  # the original reserves what the file says
STAND_INS: dict[str, Any] = {
    "_codecs.encode": _encode,
    "builtins.bytes": _empty,
    "__builtin__.bytes": _empty,
    "numpy.ndarray": "ndarray",
    "numpy.core.multiarray._reconstruct": _reconstruct,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy.core.numeric._frombuffer": _frombuffer,
}
