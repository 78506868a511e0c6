"""Lines of the text files that list photographs, whichever system wrote them."""

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Sequence
from pathlib import Path

from facenas.errors import DataError

Lines = Sequence[tuple[int, str]]


def read_lines(path: Path, *, what: str, wanted: str) -> Lines:
    """The lines of a text file that are not blank, each with its number from 1.

    Args:
        path: Text in UTF-8, or in UTF-16 with a byte-order mark, with line ends of any system.
        what: Word for what the file lists, for the message.
        wanted: Phrase on what the file's lines should hold, for the message.

    Raises:
        DataError: If there is no such file, it is no text, or it has no lines.
    """
    if not path.is_file():
        raise DataError(f"no list of {what} at {path}; it may have {wanted}")
    content = path.read_bytes()
    try:
        text = content.decode("utf-16" if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path} is no text in UTF-8; a list of {what} has {wanted}") from None
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    found = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise DataError(f"{path} lists no {what}; it may have {wanted}")
    return found


def slashed(path: str) -> str:
    r"""A path that a list gives, with `/` between its parts where Windows wrote `\`."""
    return path.replace("\\", "/")
