"""TinyFace: faces of few pixels as they came from the web, probes to be found among the gallery and many distractors."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from facenas.data.face_files import Decoding, path_contents
from facenas.data.faces import Labels, Size
from facenas.errors import DataError

ALIGNED = "aligned_pad_0.1_pad_high"  # AdaFace's folder: found and aligned by MTCNN
DISTRACTOR = -100
OFFICIAL = {"probes": 3728, "gallery matches": 4443, "distractors": 153_428}
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")
PARTS = {"Probe": ("probe_img_ID_pairs.mat", "probe_set"), "Gallery_Match": ("gallery_match_img_ID_pairs.mat", "gallery_set")}


@dataclass(frozen=True)
class TinyFace:
    """TinyFace's test set: photographs, of which some are probes and the others the gallery.

    Attributes:
        photographs: All of them, with the keys 0 to count - 1: probes, then the gallery.
        count: Number of photographs.
        probes: Rows of the probes, shape (Q,).
        probe_identities: Number of the person in each probe, shape (Q,).
        gallery: Rows of the gallery: matches, then distractors, shape (G,).
        gallery_identities: Number of the person in each photograph of the gallery, -100 for distractors, shape (G,).
        aligned: Whether the pictures are AdaFace's aligned ones.
        remark: What is odd about the files, "" if nothing is.
    """

    photographs: Decoding
    count: int
    probes: Labels
    probe_identities: Labels
    gallery: Labels
    gallery_identities: Labels
    aligned: bool
    remark: str


def open_tinyface(root: Path, *, size: Size = 112, most_missing: float = 0) -> TinyFace:
    """Read TinyFace's test set; pictures are read when they are asked for, the aligned ones if they are there.

    Args:
        root: The folder that holds `tinyface/Testing_Set`, `Testing_Set` or AdaFace's `aligned_pad_0.1_pad_high`; or one of the last two,
            which then is the one that is read.
        size: Size in pixels that photographs are resized to: a side, or height and width.
        most_missing: Share of the listed pictures that may be missing; these cannot be read when they are asked for.

    Raises:
        DataError: If folders or more pictures are missing, a list is damaged, or a name does not tell the identity.
    """
    pictures, lists = _folders(root)
    found = {part: _listed(pictures / part, lists, file, key, most_missing) for part, (file, key) in PARTS.items()}
    distractors = _files(pictures / "Gallery_Distractor")
    paths = [f"{part}/{name}" for part, names in (*found.items(), ("Gallery_Distractor", distractors)) for name in names]
    probes, matches = len(found["Probe"]), len(found["Gallery_Match"])
    aligned = pictures.name != "Testing_Set"
    counts = {"probes": probes, "gallery matches": matches, "distractors": len(distractors)}
    odd = [f"{count:,} {what}, officially {OFFICIAL[what]:,}" for what, count in counts.items() if count != OFFICIAL[what]]
    if not aligned:
        odd.append(f"the pictures are not aligned, which costs much accuracy; published results are of {ALIGNED}")
    gallery_identities = [*map(_identity, found["Gallery_Match"]), *[DISTRACTOR] * len(distractors)]
    return TinyFace(
        photographs=Decoding(path_contents(pictures, paths), size, shape="refuse" if aligned else "stretch"),
        count=len(paths),
        probes=np.arange(probes),
        probe_identities=np.array([_identity(name) for name in found["Probe"]], dtype=np.int64),
        gallery=np.arange(probes, len(paths)),
        gallery_identities=np.array(gallery_identities, dtype=np.int64),
        aligned=aligned,
        remark="; ".join(odd),
    )


def _folders(root: Path) -> tuple[Path, Path | None]:
    """The folder of the pictures and the folder of the lists; None where there are no lists."""
    around = (root, root / "tinyface", root / "Testing_Set", root / "tinyface" / "Testing_Set", root.parent, root.parent.parent)
    pictures = [root, *(folder / ALIGNED for folder in around), root / "Testing_Set", root / "tinyface" / "Testing_Set"]
    found = [folder for folder in pictures if (folder / "Probe").is_dir()]
    if not found:
        raise DataError(f"no TinyFace at {root}; give the folder that holds Testing_Set or {ALIGNED}, with Probe and Gallery_Match")
    lists = [folder for folder in (found[0], *around, found[0].parent / "Testing_Set") if (folder / PARTS["Probe"][0]).is_file()]
    return found[0], lists[0] if lists else None


def _listed(folder: Path, lists: Path | None, file: str, key: str, most_missing: float) -> list[str]:
    """Names of pictures in the order of the list; where there is no list, of all pictures of the folder."""
    there = _files(folder)
    if lists is None:
        return there
    names = _names(lists / file, key)
    missing = sorted(set(names).difference(there))
    if len(missing) > most_missing * len(names):
        raise DataError(
            f"{len(missing):,} of {len(names):,} pictures that {file} lists are not in {folder}: {', '.join(missing[:3])}; get them"
        )
    return names


def _names(path: Path, key: str) -> list[str]:
    if not path.is_file():
        raise DataError(f"no list {path}; get it with the benchmark, or remove the other list to take all pictures of the folders")
    try:
        content = loadmat(path, variable_names=[key])
    except Exception as error:  # SciPy's errors about damaged files have no class in common
        raise DataError(f"{path} is no readable MATLAB file: {' '.join(str(error).split())[:120]}; get it again") from None
    names = [name.strip() for name in _texts(content.get(key))]
    if not names:
        raise DataError(f"{path} must hold file names as {key}, it has none; get it again")
    return names


def _texts(value: Any) -> Iterator[str]:
    """All texts in nested cell arrays."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, np.ndarray):
        for item in value.ravel().tolist():
            yield from _texts(item)


def _files(folder: Path) -> list[str]:
    """Names of the pictures in a folder, in order."""
    if not folder.is_dir():
        raise DataError(f"no folder {folder}; TinyFace has Probe, Gallery_Match and Gallery_Distractor")
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.name.lower().endswith(SUFFIXES))


def _identity(name: str) -> int:
    match = re.match(r"(\d+)_", name)
    if not match:
        raise DataError(f"a picture of TinyFace must be named after its identity, like 12_3.jpg, got {name}; get the benchmark again")
    return int(match[1])
