"""Lines of the text files that list pictures, whichever system wrote them."""

from pathlib import Path

from facenas.errors import DataError


def text_lines(file: Path, wanted: str) -> list[tuple[int, str]]:
    """Numbers, from 1, and contents of the lines that are not empty; a byte order mark and Windows' line ends are no part of them.

    Args:
        file: Text in UTF-8.
        wanted: What its lines must be, for messages.

    Raises:
        DataError: If there is no such file, or it is no text in UTF-8.
    """
    if not file.is_file():
        raise DataError(f"no list at {file}; {wanted}")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{file} is no text in UTF-8; {wanted}") from None
    return [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def posix(path: str) -> str:
    r"""A listed path with `/` between its parts: the lists of CASIA-WebFace and of Windows' tools have `\`."""
    return path.replace("\\", "/")
