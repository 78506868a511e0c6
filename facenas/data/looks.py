"""How photographs look, in 32 bytes each: enough to know a photograph again in a copy, under another name or encoded anew."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from facenas.data.faces import FaceDataset, Images, Labels, rows_of_each
from facenas.errors import DataError
from facenas.settings import Section

KEPT = 8192  # photographs whose looks are kept: one of each person before there is a second of any
ALIKE = 14  # bits of 256: on ORL's faces JPEG of quality 50 changes up to 14, and no two of its photographs are nearer than 18
FLAT = 16  # a picture with fewer set or fewer clear bits, such as an empty one, is like no other
AT_ONCE = 256
Prints = NDArray[np.uint64]  # (M, 4)


class Looks(Section):
    """The looks of the photographs that a model was trained or selected on."""

    size: int = Field(description="Side in pixels at which they were taken.")
    photographs: int = Field(description="Number of photographs that there were; of more than 8,192 a sample is kept.")
    prints: str = Field(description="A difference hash of 256 bits for each that is kept, in base64.")

    @classmethod
    def of(cls, sets: Sequence[FaceDataset]) -> Self:
        """The looks of the photographs of some sets, all of one size."""
        chosen = _chosen(np.concatenate([_place_within(faces.identities) for faces in sets])).tolist()
        ends = np.cumsum([len(faces) for faces in sets])

        def image(number: int) -> Images:
            which = int(np.searchsorted(ends, chosen[number], side="right"))
            return sets[which].image(chosen[number] - int(ends[which]) + len(sets[which]))

        made = prints(image, len(chosen))
        return cls(size=sets[0].size, photographs=int(ends[-1]), prints=b64encode(made.astype("<u8").tobytes()).decode())

    @property
    def kept(self) -> Prints:
        """The kept hashes, shape (K, 4)."""
        return np.frombuffer(b64decode(self.prints), "<u8").reshape(-1, 4).astype(np.uint64)

    @property
    def sampled(self) -> bool:
        """Whether there were more photographs than are kept."""
        return self.photographs > KEPT


def prints(image: Callable[[int], Images], count: int) -> Prints:
    """Difference hashes (M, 4), 256 bits each, of photographs; zero where one cannot be decoded.

    A bit says whether one of 16 x 16 means of grey is darker than its right neighbour.

    Args:
        image: A function that gives the photograph (H, W, 3), RGB, uint8, of each number from 0 to M - 1.
        count: Number of photographs, M.

    Source: N. Krawetz, "Kind of like that", 2013, with 8 x 8 means.
    """

    def one(number: int) -> Prints:
        try:
            grey = cv2.cvtColor(image(number), cv2.COLOR_RGB2GRAY)
        except DataError:
            return np.zeros(4, np.uint64)
        small = cv2.resize(grey, (17, 16), interpolation=cv2.INTER_AREA)
        return np.packbits(small[:, 1:] > small[:, :-1]).view(np.uint64)

    with ThreadPoolExecutor() as pool:
        return np.array(list(pool.map(one, range(count))), np.uint64).reshape(-1, 4)


def alike(some: Prints, known: Prints) -> NDArray[np.int64]:
    """The distance of each photograph to the most alike of known ones, in differing bits.

    Args:
        some: Hashes of the photographs, shape (M, 4).
        known: Hashes of the known photographs, shape (K, 4); those of flat pictures are passed over.

    Returns:
        Differing bits of 256, shape (M,); 256 where no known photograph is left.
    """
    bits = np.bitwise_count(known).sum(axis=1, dtype=np.int64)
    known = known[(bits >= FLAT) & (bits <= 256 - FLAT)]
    if not len(known) or not len(some):
        return np.full(len(some), 256, np.int64)
    blocks = [some[start : start + AT_ONCE] for start in range(0, len(some), AT_ONCE)]
    nearest = [
        sum(np.bitwise_count(block[:, None, word] ^ known[:, word]).astype(np.int16) for word in range(4)).min(axis=1) for block in blocks
    ]
    return np.concatenate(nearest).astype(np.int64)


def _place_within(identities: Labels) -> Labels:
    """The number of each photograph among those of its person, from 0, shape (M,)."""
    places = np.zeros(len(identities), np.int64)
    for rows in rows_of_each(identities) if len(identities) else ():
        places[rows] = np.arange(len(rows))
    return places


def _chosen(places: Labels) -> Labels:
    """Numbers of the photographs to keep: the first of each person, then the second ones, and so on; of too many first ones a sample."""
    order, firsts = np.argsort(places, kind="stable"), int((places == 0).sum())
    return order[np.linspace(0, firsts - 1, KEPT).astype(np.int64)] if firsts > KEPT else order[:KEPT]
