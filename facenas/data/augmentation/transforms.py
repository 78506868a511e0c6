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
        """Draw the edges of the part.

        Args:
            params: Albumentations' parameters; `shape` is the image's.
            data: What the pipeline is given; it does not matter here.
        """
        return {"box": tuple(crop_boxes(self.random_generator.random((1, CROP_DRAWS)), params["shape"][0])[0].tolist())}

    def apply(self, img: Images, box: tuple[int, int, int, int], **params: Any) -> Images:
        """Paste the part onto black.

        Args:
            img: The image (H, H, 3), uint8.
            box: Top, left, bottom and right edge in pixels.
            **params: Albumentations' other parameters; they do not matter here.
        """
        return paste_crop(img, box)


class LowResolution(albumentations.ImageOnlyTransform):  # type: ignore[misc]
    """A square image made small and large again, by independently drawn interpolations."""

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw the side of the small image and the two interpolations.

        Args:
            params: Albumentations' parameters; `shape` is the image's.
            data: What the pipeline is given; it does not matter here.
        """
        side = max(1, int(self.random_generator.uniform(LEAST_SIDE, 1) * params["shape"][0]))
        down, up = (INTERPOLATIONS[way] for way in self.random_generator.integers(len(INTERPOLATIONS), size=2))
        return {"side": side, "down": down, "up": up}

    def apply(self, img: Images, side: int, down: int, up: int, **params: Any) -> Images:
        """Make the image small and large again.

        Args:
            img: The image (H, H, 3), uint8.
            side: Side of the small image in pixels.
            down: OpenCV's interpolation to the small image.
            up: OpenCV's interpolation back.
            **params: Albumentations' other parameters; they do not matter here.
        """
        return low_resolution(img, side, down=down, up=up)


class Photometric(albumentations.ImageOnlyTransform):  # type: ignore[misc]
    """Brightness, contrast and saturation by factors U(0.5, 1.5), in random order; `grey` weighs the channels."""

    def __init__(self, grey: Grey = GREY, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.grey = grey

    def get_params(self) -> dict[str, Any]:
        """Draw the three factors and their order."""
        factors = tuple(self.random_generator.uniform(0.5, 1.5, 3).tolist())
        return {"factors": factors, "order": ORDERS[int(self.random_generator.integers(len(ORDERS)))]}

    def apply(self, img: Images, factors: tuple[float, float, float], order: str, **params: Any) -> Images:
        """Change the image's colours.

        Args:
            img: The image (H, W, 3), uint8.
            factors: Factors of brightness, contrast and saturation.
            order: The order of the three, by their first letters.
            **params: Albumentations' other parameters; they do not matter here.
        """
        return photometric(img, factors, order=order, grey=self.grey)


def albumentations_pipeline(augmentation: FaceAugmentation, *, seed: int | None = None) -> albumentations.Compose:
    """AdaFace's augmentation of RGB images as an albumentations pipeline, drawn by albumentations' own generator.

    Args:
        augmentation: The probabilities of the changes.
        seed: Seed of albumentations' generator; None: it differs from run to run.
    """
    grey = GREY if augmentation.photometric_on == "rgb" else GREY[::-1]
    steps = [
        PastedCrop(p=augmentation.crop),
        LowResolution(p=augmentation.low_resolution),
        Photometric(grey, p=augmentation.photometric),
        albumentations.HorizontalFlip(p=augmentation.flip),
    ]
    return albumentations.Compose(steps, seed=seed)
