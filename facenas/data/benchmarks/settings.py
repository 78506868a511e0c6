"""Where the files of a face benchmark are, as settings."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from facenas.data.benchmarks.ijb import IJB, open_ijb
from facenas.data.benchmarks.lfw_download import fetch_lfw
from facenas.data.benchmarks.pair_files import holds_benchmark, open_pairs
from facenas.data.benchmarks.tinyface import ALIGNED, TinyFace, open_tinyface
from facenas.data.benchmarks.verification_set import VerificationSet
from facenas.data.face_files import Decoding, Shape
from facenas.data.faces import Size
from facenas.errors import DataError
from facenas.settings import Section

Verified = Literal["lfw", "cfp_fp", "cfp_ff", "cplfw", "agedb_30", "calfw"]
FOLDERS = {"cfp_fp": ("cfp-dataset", "cfp"), "cfp_ff": ("cfp-dataset", "cfp"), "agedb_30": ("AgeDB",)}  # as they are unpacked
OWN_LISTS = {"lfw": "pairs.txt", "calfw": "pairs_CALFW.txt", "cplfw": "pairs_CPLFW.txt", "cfp_fp": "Protocol/Pair_list_F.txt"}


class _Files(Section):
    root: Path = Field(Path("benchmarks"), description="Folder of the benchmarks, or the file itself.")
    most_missing: float = Field(
        0.5, ge=0, le=1, description="Share of the pictures that may be missing or unreadable; what needs them is left out and counted."
    )


class _Pairs(_Files):
    shape: Shape = Field(
        "refuse", description="What is done with pictures of other proportions than the network's: refuse, stretch, the middle (centre)."
    )

    def shaped(self, images: VerificationSet) -> VerificationSet:
        """The pictures, of which those of other proportions are treated as the settings say."""
        known = images.photographs
        return replace(images, photographs=replace(known, shape=self.shape)) if isinstance(known, Decoding) else images


class VerificationFiles(_Pairs):
    """A benchmark of pairs: InsightFace's NAME.bin, or its pictures with the official list of pairs."""

    name: Verified = Field(description="Name of the benchmark.")
    download: bool = Field(False, description="LFW: fetch it with scikit-learn, to the folder, unless it is there.")

    def open(self, size: Size) -> VerificationSet:
        """Photographs that are read when they are asked for, at `size` pixels, and their pairs.

        Raises:
            DataError: If neither is there, or it is damaged.
        """
        if self.download and self.name == "lfw":
            return fetch_lfw(self.root, size)
        place = self._place()
        if place is None:
            otherwise = ", or --set data.download=true" if self.name == "lfw" else ""
            raise DataError(
                f"no {self.name}.bin at {self.root}, nor pictures with a list of pairs; "
                f"give the folder of InsightFace's verification files with --data{otherwise}"
            )
        return self.shaped(open_pairs(place, size=size, name=self.name, most_missing=self.most_missing))

    def present(self) -> bool:
        """Whether its files are there."""
        own = OWN_LISTS.get(self.name)
        return self.root.is_dir() and (self._place() not in (None, self.root) or (own is not None and (self.root / own).is_file()))

    def _place(self) -> Path | None:
        """InsightFace's file, else the first folder that has a list; LFW's lies beside its folder of pictures."""
        folders = [self.root / name for name in (self.name, self.name.upper(), *FOLDERS.get(self.name, ()))]
        files = [folder / f"{self.name}.bin" for folder in (self.root, *folders)]
        places = [file for file in files if file.is_file()] + [
            place for place in (*folders, self.root) if holds_benchmark(place, self.name)
        ]
        return next(iter(places), None)


class PairList(_Pairs):
    """A user's own pairs."""

    name: Literal["pairs"] = Field("pairs", description="Name of the benchmark.")
    images: Path | None = Field(None, description="Folder that the list's paths begin at; null: the list's own.")

    def open(self, size: Size) -> VerificationSet:
        """Photographs and pairs of a list or of a `.bin` file."""
        if not self.root.exists():
            raise DataError(f"--data must name a list of pairs or a .bin file, there is nothing at {self.root}")
        return self.shaped(open_pairs(self.root, root=self.images, size=size, most_missing=self.most_missing))


class IjbFiles(_Files):
    """IARPA Janus Benchmark B or C."""

    name: Literal["ijbb", "ijbc"] = Field(description="Name of the benchmark.")

    def open(self, size: Size) -> IJB:
        """Aligned when they are asked for, with templates, pairs and galleries."""
        return open_ijb(self.root, name=self.name, size=size)

    def present(self) -> bool:
        """Whether its folder is there."""
        return any((self.root / name).is_dir() for name in (self.name, self.name.upper()))


class TinyFaceFiles(_Files):
    """TinyFace: identification of very small faces."""

    name: Literal["tinyface"] = Field("tinyface", description="Name of the benchmark.")

    def open(self, size: Size) -> TinyFace:
        """Probes and gallery, with distractors."""
        return open_tinyface(self.root, size=size, most_missing=self.most_missing)

    def present(self) -> bool:
        """Whether its folder is there."""
        return any((self.root / name).is_dir() for name in ("tinyface", "Testing_Set", ALIGNED))
