"""Pairs of a user's own: a list or a `.bin` file."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from facenas.data import VerificationSet, open_pairs
from facenas.data.faces import Size
from facenas.errors import DataError
from facenas.eval.pair_files import PairFiles


class PairList(PairFiles):
    """A user's own pairs: a list with their pictures, or a `.bin` file."""

    name: Literal["pairs"] = Field("pairs", description="Name of the benchmark.")
    root: Path = Field(Path("pairs.csv"), description="The list of pairs, or a .bin file.")
    images: Path | None = Field(None, description="Folder that the list's paths begin at; null: the list's own.")

    def open(self, size: Size) -> VerificationSet:
        """Open the photographs and pairs of a list or of a `.bin` file, at `size` pixels."""
        if not self.root.exists():
            raise DataError(f"--data must name a list of pairs or a .bin file, there is nothing at {self.root}")
        return open_pairs(self.root, root=self.images, size=size, most_missing=self.most_missing)
