"""LFW as scikit-learn fetches it: funnelled pictures of 250 x 250, not aligned to the ArcFace template."""

from dataclasses import dataclass, replace
from pathlib import Path

from facenas.data.benchmarks.pair_files import open_pairs
from facenas.data.benchmarks.verification_set import VerificationSet
from facenas.data.face_files import Decoding, Photographs
from facenas.data.faces import Images, Size
from facenas.data.formats.images import resized
from facenas.errors import DataError

HOME = "lfw_home"
# Funnelled eyes lie near (103, 113) and (147, 113): this square puts them where the ArcFace template has them, on average.
TOP, LEFT, SIDE = 48, 55, 140


@dataclass(frozen=True)
class CutOut:
    """Photographs of which only the middle, the face, is used.

    Attributes:
        photographs: The photographs at their own size of 250 x 250 pixels.
        size: Size in pixels that the middle is resized to: a side, or height and width.
    """

    photographs: Decoding
    size: Size

    def image(self, key: int) -> Images:
        """A face (H, W, 3), RGB, uint8."""
        return resized(self.photographs.whole(key)[TOP : TOP + SIDE, LEFT : LEFT + SIDE], self.size)

    def place(self, key: int) -> str:
        """The path of a photograph, for messages."""
        return self.photographs.place(key)

    def files(self) -> list[Path]:
        """The paths of all photographs."""
        return self.photographs.files()


def fetch_lfw(root: Path, size: Size) -> VerificationSet:
    """LFW's ten folds of 600 pairs, downloaded to `root/lfw_home` unless they are there.

    Args:
        root: Folder that `lfw_home` is in, or is downloaded to.
        size: Size in pixels that the faces are resized to: a side, or height and width.

    Raises:
        DataError: If they cannot be downloaded.
    """
    from sklearn.datasets import fetch_lfw_pairs

    corner = (slice(0, 2), slice(0, 2))
    try:
        fetch_lfw_pairs(subset="train", data_home=str(root), slice_=corner, resize=None)  # what it returns is too small to use
    except OSError as error:
        raise DataError(f"LFW cannot be downloaded to {root}: {' '.join(str(error).split())[:200]}; get lfw.bin by other means") from None
    images = open_pairs(root / HOME / "pairs.txt", root=root / HOME / "lfw_funneled", size=size, name="lfw")
    return replace(images, photographs=_cut(images.photographs, size))


def _cut(photographs: Photographs, size: Size) -> CutOut:
    if not isinstance(photographs, Decoding):
        raise TypeError(f"LFW's photographs are files, got {type(photographs).__name__}")
    return CutOut(photographs, size)
