"""A folder of pictures as a folder of aligned faces, with a table of what became of each picture."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import cv2
from pydantic import Field

from facenas.data.faces import Images
from facenas.data.formats.picture_files import Listed, pictures_below
from facenas.errors import DataError
from facenas.files import replacing, write_text
from facenas.recognition.aligning import Alignment, Cut, cut_faces
from facenas.recognition.faces import Detector
from facenas.settings import Section

TABLE = "faces.csv"
LONGEST_NAME = 200  # bytes; file systems allow 255, and something is added
POINTS = tuple(f"{point}_{axis}" for point in ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth") for axis in "xy")
COLUMNS = ("picture", "status", "reason", "faces", "left", "top", "width", "height", "score", *POINTS, "file")
Row = dict[str, str]


class FolderAlignment(Section):
    """Settings for aligning a folder of pictures."""

    alignment: Alignment = Field(description="How faces are found.")
    size: int = Field(112, description="Side of a face in pixels: a multiple of 112, or of 128.")


def pictures_to_align(images: Path, out: Path) -> list[Listed]:
    """The pictures below a folder, or the one picture that is given.

    Args:
        images: Folder of the pictures, or one picture.
        out: Folder that the aligned faces will be written to.

    Raises:
        DataError: If there are no pictures, or one of the two folders holds the other.
    """
    there, written = images.resolve(), out.resolve()
    if images.is_dir() and (written.is_relative_to(there) or there.is_relative_to(written)):
        raise DataError(f"the aligned faces must be in a folder of their own, {out} and {images} hold each other; give another one")
    return list(pictures_below(images))


def align_folder(
    pictures: list[Listed],
    out: Path,
    detector: Detector | None,
    settings: FolderAlignment,
    *,
    after_picture: Callable[[], object] = lambda: None,
) -> Counter[str]:
    """Write the faces of all pictures as PNG files, in the same folders as the pictures, and the table `faces.csv`.

    Pictures that are in the table already and have not changed since are skipped, so that an interrupted run goes on where it was.

    Args:
        pictures: The listed pictures.
        out: Folder that is written to.
        detector: What finds the faces; None: each picture is an aligned face.
        settings: Settings of the alignment; those of a folder that was begun must be the same.
        after_picture: A function that is called after each picture that was not done before.

    Returns:
        Number of rows of the table by status.
    """
    kept = _kept(out, {picture.name: picture.path for picture in pictures})
    taken = {row["file"].casefold() for rows in kept.values() for row in rows}
    write_text(out / TABLE, _csv([dict(zip(COLUMNS, COLUMNS, strict=True)), *(row for rows in kept.values() for row in rows)]))
    for picture in pictures:
        if picture.name in kept:
            continue
        cuts = cut_faces(picture, detector, settings.alignment, size=settings.size)
        kept[picture.name] = [_row(cut, _write(cut, number, out, picture, taken)) for number, cut in enumerate(cuts, 1)]
        with (out / TABLE).open("a", encoding="utf-8", newline="") as stream:
            stream.write(_csv(kept[picture.name]))
        after_picture()
    ordered = [row for picture in pictures for row in kept.pop(picture.name, [])]
    gone = [row for rows in kept.values() for row in rows]
    write_text(out / TABLE, _csv([dict(zip(COLUMNS, COLUMNS, strict=True)), *ordered, *gone]))
    return Counter(row["status"] for row in ordered)


def with_several_faces(out: Path) -> dict[str, int]:
    """The pictures that show several faces by a folder's table, each with the number of its faces."""
    return {row["picture"]: int(row["faces"]) for row in _rows(out / TABLE) if row["faces"].isdecimal() and int(row["faces"]) > 1}


def _write(cut: Cut, number: int, out: Path, picture: Listed, taken: set[str]) -> str:
    """Write a face to a file name that no other face has; returns the name below `out`."""
    if cut.pixels is None:
        return ""
    file = next(name for name in _names(picture, number) if name.casefold() not in taken)
    taken.add(file.casefold())
    with replacing(out / file) as temporary:
        temporary.write_bytes(_png(cut.pixels))
    return file


def _names(picture: Listed, number: int) -> Iterator[str]:
    path, suffix = PurePosixPath(picture.name), f"-{number}" if number > 1 else ""
    yield str(path.with_name(f"{_short(path.stem)}{suffix}.png"))
    while True:
        yield str(path.with_name(f"{_short(path.name)}{suffix}.png"))
        suffix += "~"


def _short(name: str) -> str:
    return name.encode()[:LONGEST_NAME].decode(errors="ignore")


def _png(pixels: Images) -> bytes:
    return cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()


def _kept(out: Path, pictures: dict[str, Path]) -> dict[str, list[Row]]:
    """Rows of the table for pictures that have not changed since they were done; removes the faces of the others."""
    kept: dict[str, list[Row]] = {}
    for row in _rows(out / TABLE):
        kept.setdefault(row["picture"], []).append(row)
    table = (out / TABLE).stat().st_mtime_ns if kept else 0
    for name in [name for name in kept if name in pictures and _stale(out, kept[name], pictures[name], table)]:
        for row in kept.pop(name):
            if row["file"] and (out / row["file"]).resolve().is_relative_to(out.resolve()):
                (out / row["file"]).unlink(missing_ok=True)
    return kept


def _stale(out: Path, rows: list[Row], picture: Path, table: int) -> bool:
    files = [out / row["file"] for row in rows if row["file"]]
    if not all(file.is_file() for file in files):
        return True
    written = min((file.stat().st_mtime_ns for file in files), default=table)
    return picture.exists() and picture.stat().st_mtime_ns > written


def _rows(table: Path) -> list[Row]:
    """The complete rows of a table; none if there is no table, or it is damaged."""
    if not table.is_file():
        return []
    text = table.read_text(encoding="utf-8", errors="replace")
    try:
        return [row for row in csv.DictReader(io.StringIO(text)) if set(row) == set(COLUMNS) and None not in row.values()]
    except csv.Error:
        return []


def _row(cut: Cut, file: str) -> Row:
    row = dict.fromkeys(COLUMNS, "") | {"picture": cut.picture, "status": cut.status, "reason": cut.reason, "file": file}
    row["faces"] = str(cut.found)
    if cut.face:
        numbers = [*cut.face.box, *cut.face.points.ravel().tolist()]
        row |= dict(zip((*COLUMNS[4:8], *POINTS), (f"{number:.2f}" for number in numbers), strict=True))
        row["score"] = "" if cut.face.score is None else f"{cut.face.score:.3f}"
    return row


def _csv(rows: list[Row]) -> str:
    text = io.StringIO()
    csv.DictWriter(text, COLUMNS, lineterminator="\n").writerows(rows)
    return text.getvalue()
