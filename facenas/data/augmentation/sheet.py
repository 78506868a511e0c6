"""A contact sheet: faces, and what augmentation makes of them."""

import numpy as np
from pydantic import Field

from facenas.data.augmentation.face_augment import FaceAugmentation, image_seeds
from facenas.data.augmentation.pipeline import Pipeline, in_turn
from facenas.data.faces import FaceDataset, Images, sides
from facenas.data.loader import ImageChanges
from facenas.settings import Section

GAP = 4


class SheetSettings(Section):
    """Which augmentation a contact sheet shows; if none is given, AdaFace's."""

    face_augmentation: FaceAugmentation | None = Field(None, description="AdaFace's changes of training faces.")
    augmentation: Pipeline | None = Field(None, description="Your own, a pipeline of albumentations: augmentation.file=pipeline.yaml.")

    def changes(self, size: int) -> ImageChanges:
        """The augmentation as training applies it to images of `size` x `size` pixels.

        Raises:
            SettingsError: If the pipeline does not leave such images.
        """
        if self.augmentation:
            self.augmentation.check(size)
        return in_turn(self.face_augmentation, self.augmentation) or FaceAugmentation()


def contact_sheet(faces: FaceDataset, augmentation: ImageChanges, *, count: int, variants: int, seed: int) -> Images:
    """Some faces, one a row, as they are and `variants` times augmented.

    Args:
        faces: The photographs that the sheet's faces are drawn from.
        augmentation: The random changes that are shown.
        count: Number of rows; fewer if there are fewer faces.
        variants: Number of augmented images beside each original.
        seed: Seed of the choice of faces and of their augmentation.

    Returns:
        One RGB image.
    """
    chosen = np.sort(np.random.default_rng(seed).permutation(len(faces))[:count]).tolist()
    seeds = image_seeds(seed, np.arange(len(chosen) * variants)).reshape(-1, variants).tolist()
    height, width = sides(faces.size)
    down, right = height + GAP, width + GAP
    sheet = np.full((len(chosen) * down + GAP, (variants + 1) * right + GAP, 3), 255, np.uint8)
    for i, row in enumerate(chosen):
        image = faces.image(row)
        for j, shown in enumerate([image, *(augmentation.augment(image, one) for one in seeds[i])]):
            top, left = GAP + i * down, GAP + j * right
            sheet[top : top + height, left : left + width] = shown
    return sheet
