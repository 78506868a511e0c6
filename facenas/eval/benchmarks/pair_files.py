"""The published benchmarks of pairs: LFW, CFP, AgeDB-30, CALFW and CPLFW."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from facenas.data import VerificationSet, open_pairs
from facenas.data.benchmarks.lfw_download import fetch_lfw
from facenas.data.benchmarks.pair_files import holds_benchmark
from facenas.data.faces import Size
from facenas.errors import DataError
from facenas.eval.pair_files import PairFiles

FOLDERS = {"cfp_fp": ("cfp-dataset", "cfp"), "cfp_ff": ("cfp-dataset", "cfp"), "agedb_30": ("AgeDB",)}  # as they are unpacked
OWN_LISTS = {"lfw": "pairs.txt", "calfw": "pairs_CALFW.txt", "cplfw": "pairs_CPLFW.txt", "cfp_fp": "Protocol/Pair_list_F.txt"}


class VerificationFiles(PairFiles):
    """A benchmark of pairs: InsightFace's NAME.bin, or its pictures with the official list of pairs."""

    name: Literal["lfw", "cfp_fp", "cfp_ff", "cplfw", "agedb_30", "calfw"] = Field(description="Name of the benchmark.")
    download: bool = Field(False, description="LFW: fetch it with scikit-learn, to the folder, unless it is there.")

    def open(self, size: Size) -> VerificationSet:
        """Open the pairs, with photographs that are read when they are asked for, at `size` pixels.

        Raises:
            DataError: If neither the `.bin` file nor a list of pairs is there, or what is there is damaged.
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
        return open_pairs(place, size=size, name=self.name, most_missing=self.most_missing)

    def present(self) -> bool | None:
        """Whether the benchmark's files are there; None for CFP's frontal pairs, which few report and `all` therefore leaves out."""
        if self.name == "cfp_ff":
            return None
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
