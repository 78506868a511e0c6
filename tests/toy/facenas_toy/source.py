"""Faces in a NumPy file: `images` (M, H, W, 3), uint8, and `people`, M names."""

from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from facenas.data import FaceSet, FaceSource
from facenas.data.faces import Size
from facenas.data.formats.images import resized
from facenas.errors import DataError


class ArrayFaces(FaceSource):
    """Photographs in a .npz file."""

    name: Literal["npz"] = Field("npz", description="Name of the source.")
    root: str = Field(description="The .npz file.")

    def open(self, size: Size) -> FaceSet:
        """All of them, in memory."""
        path = Path(self.root).expanduser()
        try:
            with np.load(path, allow_pickle=False) as file:
                images, people = file["images"], file["people"]
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"{path} must be a .npz file with images and people: {error}") from None
        names, identities = np.unique(people, return_inverse=True)
        return FaceSet(f"npz:{path.resolve()}", np.stack([resized(image, size) for image in images]), identities, tuple(names.tolist()))
