"""A user's own pipeline of albumentations as changes of training faces: what becomes of an image is a function of the image and a seed."""

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, model_validator

from facenas.data.augmentation.face_augment import FaceAugmentation, Seeds, image_seeds
from facenas.data.augmentation.pipeline_file import composed, read_pipeline, reason
from facenas.data.faces import Images
from facenas.errors import DataError, SettingsError
from facenas.settings import Section

PROBES = 16


class Pipeline(Section):
    """A pipeline of albumentations (https://albumentations.ai), as `albumentations.save` writes it in JSON or YAML.

    Its content is part of the settings and thereby of the run's identity; the file is not needed any more once a run has begun.
    What becomes of an image depends on the image and its seed alone.
    """

    file: str | None = Field(None, exclude=True, description="What `albumentations.save` wrote, JSON or YAML.")
    content: str = Field("", description="The pipeline itself, in JSON; read from the file.")

    @model_validator(mode="before")
    @classmethod
    def _read(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("file") is None:
            return given
        return {key: value for key, value in given.items() if key != "file"} | {"content": read_pipeline(Path(str(given["file"])))}

    @model_validator(mode="after")
    def _usable(self) -> "Pipeline":
        if not self.content:
            raise ValueError("augmentation needs a file: augmentation.file=pipeline.yaml, as albumentations.save writes it")
        composed(self.content)
        return self

    def check(self, size: int) -> None:
        """Try the pipeline on an image of `size` x `size` pixels, as it is and with every change made for certain.

        Raises:
            SettingsError: If it fails, or does not leave an image of the same size and kind.
        """
        image = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
        certain = json.dumps(_certain(json.loads(self.content)))
        try:
            for content in (self.content, certain):
                for seed in image_seeds(0, np.arange(PROBES)).tolist():
                    _changed(content, image, seed)
        except DataError as error:
            raise SettingsError(str(error)) from None

    def changes(self, seeds: Seeds, size: int) -> list[int]:
        """The change of each image is its seed, as a Python number; `apply` draws from it.

        Args:
            seeds: Seed of each image, shape (K,).
            size: Side of the images in pixels; it does not matter here.
        """
        return [int(seed) for seed in seeds]

    def apply(self, image: Images, change: int, out: Images) -> None:
        """Change an image and write the result to `out`.

        Args:
            image: The RGB image (H, H, 3), uint8; it stays as it is.
            change: Seed of the image.
            out: The array (H, H, 3), uint8, that is filled.

        Raises:
            DataError: If albumentations fails, or leaves no image of the same size and kind.
        """
        out[:] = _changed(self.content, image, change)

    def augment(self, image: Images, seed: int) -> Images:
        """Draw and apply the change of a single image.

        Args:
            image: The RGB image (H, H, 3), uint8.
            seed: Seed of the change.

        Returns:
            The changed image (H, H, 3), uint8.

        Raises:
            DataError: If albumentations fails, or leaves no image of the same size and kind.
        """
        return _changed(self.content, image, seed)


@dataclass(frozen=True)
class InTurn:
    """AdaFace's changes, then the user's own pipeline."""

    first: FaceAugmentation
    second: Pipeline

    def changes(self, seeds: Seeds, size: int) -> list[tuple[Any, int]]:
        """Draw what happens to images in both steps, each image by its own seed.

        Args:
            seeds: Seed of each image, shape (K,).
            size: Side of the images in pixels.
        """
        return list(zip(self.first.changes(seeds, size), self.second.changes(seeds, size), strict=True))

    def apply(self, image: Images, change: tuple[Any, int], out: Images) -> None:
        """Change an image in both steps and write the result to `out`.

        Args:
            image: The RGB image (H, H, 3), uint8; it stays as it is.
            change: The two changes from `changes`.
            out: The array (H, H, 3), uint8, that is filled.
        """
        self.first.apply(image, change[0], out)
        self.second.apply(out, change[1], out)

    def augment(self, image: Images, seed: int) -> Images:
        """Draw and apply both changes of a single image.

        Args:
            image: The RGB image (H, H, 3), uint8.
            seed: Seed of both changes.

        Returns:
            The changed image (H, H, 3), uint8.
        """
        return self.second.augment(self.first.augment(image, seed), seed)


def in_turn(faces: FaceAugmentation | None, pipeline: Pipeline | None) -> FaceAugmentation | Pipeline | InTurn | None:
    """The changes that training applies: AdaFace's, then the user's own, or the one that is given.

    Args:
        faces: AdaFace's changes; None: they are left out.
        pipeline: The user's own pipeline; None: there is none.

    Returns:
        The changes; None if neither is given.
    """
    return InTurn(faces, pipeline) if faces and pipeline else faces or pipeline


def _certain(transform: dict[str, Any]) -> dict[str, Any]:
    """A pipeline's JSON with the probability of every change set to 1."""
    below = {"transforms": [_certain(one) for one in transform["transforms"]]} if "transforms" in transform else {}
    return transform | {"p": 1.0} | below


def _changed(content: str, image: Images, seed: int) -> Images:
    pipeline = composed(content)
    # One stream for all transforms: `set_random_seed` would give each the same, so that they all happen together or not at all.
    pipeline.set_random_state(np.random.default_rng(seed), random.Random(seed))
    try:
        result = pipeline(image=image.copy())["image"]
    except Exception as error:  # whatever its transforms raise
        raise DataError(f"the pipeline of augmentation.file fails on an image: {reason(error)}") from None
    if not (isinstance(result, np.ndarray) and result.dtype == np.uint8 and result.shape == image.shape):
        raise DataError(
            f"the pipeline of augmentation.file must leave an image as it takes it, {_kind(image)}, got {_kind(result)}; "
            "resize what it crops, and leave out what normalises or makes tensors, since that is done afterwards"
        )
    return result


def _kind(image: Any) -> str:
    if not hasattr(image, "shape"):
        return type(image).__name__
    return f"{' x '.join(map(str, image.shape))} of {str(image.dtype).removeprefix('torch.')}"
