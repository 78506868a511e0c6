"""AdaFace's augmentation as albumentations transforms, for pipelines of one's own; facenas' loader calls the same functions directly."""

from typing import Any

import albumentations

from facenas.data.augmentation.face_augment import FaceAugmentation
from facenas.data.augmentation.face_changes import (
    CROP_DRAWS,
    GREY,
    INTERPOLATIONS,
    LEAST_SIDE,
    ORDERS,
    Grey,
    crop_boxes,
    low_resolution,
    paste_crop,
    photometric,
)
from facenas.data.faces import Images


class PastedCrop(albumentations.ImageOnlyTransform):  # type: ignore[misc]
    """A random part of a square image at its place on black."""

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Edges of the part."""
        return {"box": tuple(crop_boxes(self.random_generator.random((1, CROP_DRAWS)), params["shape"][0])[0].tolist())}

    def apply(self, img: Images, box: tuple[int, int, int, int], **params: Any) -> Images:
        """Image (H, H, 3), uint8."""
        return paste_crop(img, box)


class LowResolution(albumentations.ImageOnlyTransform):  # type: ignore[misc]
    """A square image made small and large again, by independently drawn interpolations."""

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Side and interpolations."""
        side = max(1, int(self.random_generator.uniform(LEAST_SIDE, 1) * params["shape"][0]))
        down, up = (INTERPOLATIONS[way] for way in self.random_generator.integers(len(INTERPOLATIONS), size=2))
        return {"side": side, "down": down, "up": up}

    def apply(self, img: Images, side: int, down: int, up: int, **params: Any) -> Images:
        """Image (H, H, 3), uint8."""
        return low_resolution(img, side, down=down, up=up)


class Photometric(albumentations.ImageOnlyTransform):  # type: ignore[misc]
    """Brightness, contrast and saturation by factors U(0.5, 1.5), in random order; `grey` weighs the channels."""

    def __init__(self, grey: Grey = GREY, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.grey = grey

    def get_params(self) -> dict[str, Any]:
        """Factors and their order."""
        factors = tuple(self.random_generator.uniform(0.5, 1.5, 3).tolist())
        return {"factors": factors, "order": ORDERS[int(self.random_generator.integers(len(ORDERS)))]}

    def apply(self, img: Images, factors: tuple[float, float, float], order: str, **params: Any) -> Images:
        """Image (H, W, 3), uint8."""
        return photometric(img, factors, order=order, grey=self.grey)


def albumentations_pipeline(augmentation: FaceAugmentation, *, seed: int | None = None) -> albumentations.Compose:
    """The same augmentation for RGB images, drawn by albumentations' own generator."""
    grey = GREY if augmentation.photometric_on == "rgb" else GREY[::-1]
    steps = [
        PastedCrop(p=augmentation.crop),
        LowResolution(p=augmentation.low_resolution),
        Photometric(grey, p=augmentation.photometric),
        albumentations.HorizontalFlip(p=augmentation.flip),
    ]
    return albumentations.Compose(steps, seed=seed)
