"""Sets of photographs that do not look like aligned faces."""

from collections import Counter

import numpy as np

from facenas.data.face_files import Decoding, FaceFiles, PathContents
from facenas.data.faces import sides, told_size
from facenas.data.formats.images import looks_aligned, open_header

MOST_FILES, RUNS, RUN = 2000, 8, 8  # of one large file only neighbours are looked at, since reading it here and there takes long


def unlike_aligned(faces: FaceFiles) -> str:
    """A warning about photographs that are not square or have no aligned face's size, from a sample of the set; empty if there are none."""
    rows = looked_at(faces)
    sizes = {size: count for size, count in pixel_sizes(faces, rows).items() if not looks_aligned(*size, faces.size)}
    if not sizes:
        return ""
    width, height = next(iter(sizes))
    tall, wide = sides(faces.size)
    stretched = f", stretched to {told_size(faces.size)}" if height * wide != width * tall else ""
    return (
        f"{faces.dataset}: {sum(sizes.values())} of {len(rows)} photographs that were looked at are not aligned faces by their "
        f"size, most of them {width} x {height} pixels{stretched}; figures are not comparable with those of aligned faces: "
        "align them with `facenas align`, or state what is wanted: stretch, centre or refuse, by data.shape or --shape"
    )


def looked_at(faces: FaceFiles) -> list[int]:
    """The rows of a sample whose sizes can be read quickly."""
    if isinstance(faces.photographs, Decoding) and isinstance(faces.photographs.contents, PathContents):
        places = np.linspace(0, len(faces) - 1, MOST_FILES)
    else:
        places = np.minimum(np.add.outer(np.linspace(0, len(faces) - 1, RUNS).astype(np.int64), np.arange(RUN)), len(faces) - 1)
    rows: list[int] = np.unique(places.astype(np.int64)).tolist()
    return rows


def pixel_sizes(faces: FaceFiles, rows: list[int]) -> dict[tuple[int, int], int]:
    """Count the sizes of photographs before they are resized.

    Args:
        faces: The set.
        rows: Rows of the photographs that are looked at.

    Returns:
        The number of photographs by (width, height), the most frequent first; (0, 0) stands for those that cannot be read.
    """
    if not isinstance(faces.photographs, Decoding):
        return {}
    return dict(Counter(_size(faces, faces.photographs, row) for row in rows).most_common())


def _size(faces: FaceFiles, photographs: Decoding, row: int) -> tuple[int, int]:
    try:
        with open_header(photographs.contents.read(int(faces.keys[row]))) as image:
            return image.size
    except Exception:  # on damaged files Pillow's readers raise whatever they stumble over
        return 0, 0
