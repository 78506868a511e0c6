"""IJB-B and IJB-C as InsightFace gives them out: loose crops with five points, templates, pairs of templates, galleries and probes."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from facenas.data.alignment import align_face, template
from facenas.data.face_files import Decoding, PathContents, path_contents
from facenas.data.faces import Images, Labels, Size
from facenas.errors import DataError

IJBName = Literal["ijbb", "ijbc"]
GALLERIES = {"ijbb": ("S1", "S2"), "ijbc": ("G1", "G2")}
COUNTED = ("images", "templates", "pairs", "genuine pairs", "gallery templates", "probes")
OFFICIAL = {
    "ijbb": (227_630, 12_115, 8_010_270, 10_270, 1845, 10_270),
    "ijbc": (469_375, 23_124, 15_658_489, 19_557, 3531, 19_593),
}
IMAGES = np.dtype([("name", "S64"), ("points", np.float32, 10), ("score", np.float32)])
MEDIA = np.dtype([("name", "S64"), ("template", np.int32), ("media", np.int32)])


@dataclass(frozen=True)
class TemplateSubjects:
    """Whom templates show: a gallery, or the probes.

    Attributes:
        templates: Numbers of the templates, ascending, shape (T,).
        subjects: Number of the person in each template, shape (T,).
    """

    templates: Labels
    subjects: Labels


@dataclass(frozen=True)
class AlignedCrops:
    """Faces cut out of loose crops by five points.

    Attributes:
        contents: Files of the N loose crops.
        points: Left eye, right eye, nose, left and right corner of the mouth in each crop, shape (N, 5, 2), x and y in pixels.
        size: Size of an aligned face in pixels: a side, or height and width.
    """

    contents: PathContents
    points: NDArray[np.float32]
    size: Size

    def image(self, key: int) -> Images:
        """An aligned face (H, W, 3), RGB, uint8."""
        crop = Decoding(self.contents, self.size).whole(key)
        try:
            return align_face(crop, self.points[key], self.size)
        except DataError as error:
            raise DataError(f"{self.place(key)}: {error}") from None

    def place(self, key: int) -> str:
        """The path of a crop, for messages."""
        return self.contents.place(key)

    def files(self) -> list[Path]:
        """The paths of all crops."""
        return self.contents.files()


@dataclass(frozen=True)
class IJB:
    """IJB-B or IJB-C; templates, media and subjects are the benchmark's own numbers.

    Attributes:
        name: `ijbb` or `ijbc`.
        photographs: The aligned faces, with the keys 0 to N - 1.
        names: File name of each photograph, bytes, shape (N,).
        points: Five points in each loose crop, shape (N, 5, 2), x and y in pixels.
        detector_scores: The face detector's confidence, shape (N,).
        template: Template that each photograph belongs to, shape (N,).
        media: Image or video that each photograph is of, shape (N,).
        pair_first: First template of each pair, shape (P,).
        pair_second: Second template of each pair, shape (P,).
        pair_same: Whether both templates show one person, shape (P,).
        galleries: The two galleries of the 1:N protocol, which have no person in common.
        probes: The probes, searched in each gallery.
        remark: Which numbers are not the official ones, "" if all are.
    """

    name: IJBName
    photographs: AlignedCrops
    names: NDArray[np.bytes_]
    points: NDArray[np.float32]
    detector_scores: NDArray[np.float32]
    template: NDArray[np.int32]
    media: NDArray[np.int32]
    pair_first: NDArray[np.int32]
    pair_second: NDArray[np.int32]
    pair_same: NDArray[np.bool_]
    galleries: tuple[TemplateSubjects, TemplateSubjects]
    probes: TemplateSubjects
    remark: str


def open_ijb(root: Path, name: IJBName, *, size: Size = 112) -> IJB:
    """Read IJB-B or IJB-C; pictures are read when they are asked for.

    Args:
        root: The folder `IJBB` or `IJBC`, or the one that holds it.
        name: `ijbb` or `ijbc`.
        size: Size in pixels that faces are aligned to; see `facenas.data.alignment.template`.

    Raises:
        DataError: If a file is missing or damaged, or the files contradict each other.
    """
    template(size)
    folder = _folder(root, name)
    meta = folder / "meta" if (folder / "meta").is_dir() else folder
    images = _table(meta / f"{name}_name_5pts_score.txt", IMAGES, "a name, ten coordinates and a score")
    media = _table(meta / f"{name}_face_tid_mid.txt", MEDIA, "a name, a template and a medium")
    if not np.array_equal(images["name"], media["name"]):
        raise DataError(f"{name}_name_5pts_score.txt and {name}_face_tid_mid.txt in {meta} must list the same images in the same order")
    first, second, same = _pairs(meta / f"{name}_template_pair_label.txt")
    galleries = [_subjects(meta / f"{name}_1N_gallery_{number}.csv") for number in GALLERIES[name]]
    probes = _subjects(meta / f"{name}_1N_probe_mixed.csv")
    templates = np.unique(media["template"])
    for used in [first, second, *(subjects.templates for subjects in (probes, *galleries))]:
        _check_known(used, templates, f"pairs, galleries and probes in {meta}")
    points = images["points"].reshape(-1, 5, 2)
    gallery_templates = sum(len(gallery.templates) for gallery in galleries)
    return IJB(
        name=name,
        photographs=AlignedCrops(path_contents(_crops(folder), [path.decode("latin1") for path in images["name"].tolist()]), points, size),
        names=images["name"],
        points=points,
        detector_scores=images["score"],
        template=media["template"],
        media=media["media"],
        pair_first=first,
        pair_second=second,
        pair_same=same,
        galleries=(galleries[0], galleries[1]),
        probes=probes,
        remark=_remark(name, (len(images), len(templates), len(same), int(same.sum()), gallery_templates, len(probes.templates))),
    )


def _remark(name: IJBName, counts: Sequence[int]) -> str:
    told = zip(COUNTED, counts, OFFICIAL[name], strict=True)
    return "; ".join(f"{count:,} {what}, officially {official:,}" for what, count, official in told if count != official)


def _folder(root: Path, name: str) -> Path:
    folders = (root / name.upper(), root / name, root)
    found = [folder for folder in folders if (folder / "meta").is_dir() or (folder / f"{name}_face_tid_mid.txt").is_file()]
    if not found:
        raise DataError(f"no {name.upper()} at {root}; give the folder that holds {name.upper()} with loose_crop and meta")
    return found[0]


def _crops(folder: Path) -> Path:
    if not (folder / "loose_crop").is_dir():
        raise DataError(f"no folder {folder / 'loose_crop'}; it must hold the loosely cropped images")
    return folder / "loose_crop"


def _table(path: Path, dtype: DTypeLike, wanted: str, **options: Any) -> NDArray[Any]:
    if not path.is_file():
        raise DataError(f"no file {path}; it must have {wanted} a line; get the benchmark's files again")
    try:
        with warnings.catch_warnings(action="error"):
            return np.atleast_1d(np.loadtxt(path, dtype, comments=None, **options))
    except (ValueError, Warning) as error:  # a warning is given for a file without lines, or with fractions
        reason = str(error).split(";")[0]
        raise DataError(f"{path} must have {wanted} a line: {reason}; get it again") from None


def _pairs(path: Path) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.bool_]]:
    rows = _table(path, np.int32, "two templates and 0 or 1", ndmin=2)
    if rows.shape[1] != 3 or not np.isin(rows[:, 2], (0, 1)).all():
        raise DataError(f"{path} must have two templates and 0 or 1 a line; get it again")
    first, second, same = np.ascontiguousarray(rows.T)
    return first, second, same.astype(np.bool_)


def _subjects(path: Path) -> TemplateSubjects:
    """Templates and their subjects; the official lists have a line for each image."""
    rows = _table(path, np.int64, "a template and a subject", delimiter=",", skiprows=1, usecols=(0, 1), ndmin=2)
    templates, first, inverse = np.unique(rows[:, 0], return_index=True, return_inverse=True)
    subjects = rows[first, 1]
    several = rows[subjects[inverse] != rows[:, 1], 0]
    if len(several):
        raise DataError(f"{path} gives template {several[0]} several subjects; get it again")
    return TemplateSubjects(templates, subjects)


def _check_known(used: Any, templates: NDArray[Any], what: str) -> None:
    unknown = used[~np.isin(used, templates)]
    if len(unknown):
        raise DataError(f"{what} must be of templates that have images, template {unknown[0]} has none; get the benchmark's files again")
