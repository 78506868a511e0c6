import pytest
import torch
from torch import Tensor

from facenas.data import Augmentation, InputContract

SIDE, HALF = 32, 8
CONTRACT = InputContract(size=SIDE)


def rows_erased(center: float) -> slice:
    """16 of them around the pixel that holds the center, fewer at the border."""
    pixel = int(center * SIDE)
    return slice(max(pixel - HALF + 1, 0), min(pixel + HALF + 1, SIDE))


def one_by_one(image: Tensor, draws: list[float], *, padding: int) -> Tensor:
    """Padded with black, cropped, mirrored, normalised, and then erased."""
    down, right = (int(draw * (2 * padding + 1)) for draw in draws[10:12])
    black = torch.zeros(len(image), SIDE + 2 * padding, SIDE + 2 * padding, dtype=torch.uint8)
    black[:, padding : padding + SIDE, padding : padding + SIDE] = image
    crop = black[:, down : down + SIDE, right : right + SIDE]
    crop = crop.flip(2) if draws[2] < 0.5 else crop
    found = (crop.float() - 127.5) / 127.5
    found[:, rows_erased(draws[7]), rows_erased(draws[8])] = 0
    return found


@pytest.mark.parametrize("channels", [1, 3])
def test_a_batch_is_changed_as_its_images_one_by_one(channels: int) -> None:
    """Bit for bit: crop, mirror and cutout, each by the image's own draws."""
    generator = torch.Generator().manual_seed(channels)
    images = torch.randint(0, 256, (8, channels, SIDE, SIDE), dtype=torch.uint8, generator=generator)
    augmentation = Augmentation(crop_padding=2, flip=0.5, cutout=1.0)
    draws = augmentation.draw(8, generator)
    found = augmentation.change(CONTRACT.prepare(augmentation.crop(images, draws)), draws)
    wanted = torch.stack([one_by_one(image, row, padding=2) for image, row in zip(images, draws.tolist(), strict=True)])
    assert 0 < int((draws[:, 2] < 0.5).sum()) < 8
    assert len({(down, right) for down, right in (draws[:, 10:12] * 5).int().tolist()}) > 4
    assert torch.equal(found, wanted)


def test_a_cutout_within_the_image_erases_its_whole_square() -> None:
    draws = Augmentation(cutout=1.0).draw(500, torch.Generator().manual_seed(0))
    erased = Augmentation(cutout=1.0).change(torch.ones(500, 2, SIDE, SIDE), draws) == 0
    pixels = (draws[:, 7:9] * SIDE).int()
    within = ((pixels >= HALF - 1) & (pixels < SIDE - HALF)).all(1)
    assert 50 < int(within.sum()) < 450
    assert set(erased.sum((2, 3))[within].flatten().tolist()) == {16 * 16}
    assert int(erased.sum((2, 3))[~within].max()) < 16 * 16
