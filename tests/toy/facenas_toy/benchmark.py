"""Pairs of pictures: `left/NAME.png` and `right/NAME.png` show one person, pictures of two names two people."""

from typing import Literal

import numpy as np
from pydantic import Field

from facenas.data import Pairs, VerificationSet, path_contents, verification_set
from facenas.data.faces import Size
from facenas.errors import DataError
from facenas.eval import PairFiles


class Siblings(PairFiles):
    """Two folders of pictures with the same names."""

    name: Literal["siblings"] = Field("siblings", description="Name of the benchmark.")

    def open(self, size: Size) -> VerificationSet:
        """Each picture on the left with the one of its name, and with that of the next name."""
        names = sorted(file.name for file in (self.root / "left").glob("*.png"))
        if len(names) < 2:
            raise DataError(f"no pictures in {self.root / 'left'}; give the folder that holds left and right with --data")
        contents = path_contents(self.root, [f"{side}/{name}" for side in ("left", "right") for name in names])
        left = np.arange(len(names)).repeat(2)
        same = np.tile([True, False], len(names))
        right = len(names) + np.where(same, left, (left + 1) % len(names))
        return verification_set(self.name, contents, Pairs(left, right, same), count=2 * len(names), size=size)

    def present(self) -> bool:
        """Whether its folders are there, for `--benchmark all`."""
        return (self.root / "left").is_dir()
