import itertools
from collections import Counter

import cv2
import numpy as np
import pytest
from PIL import Image, ImageEnhance

from facenas.data.augmentation.face_augment import DRAWS, FaceAugmentation, image_seeds, uniforms
from facenas.data.augmentation.face_changes import GREY, INTERPOLATIONS, ORDERS, crop_boxes, low_resolution, paste_crop, photometric
from facenas.native import lanczos

rng = np.random.default_rng(0)
SEEDS = image_seeds(1, np.arange(20_000))
ALL = FaceAugmentation(crop=1, low_resolution=1, photometric=1, flip=1)


def picture(side: int = 112) -> np.ndarray:
    return cv2.resize(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8), (side, side), interpolation=cv2.INTER_CUBIC)


def test_numbers_are_splitmix64s() -> None:
    def mixed(x: int) -> int:
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        x = (x ^ x >> 27) * 0x94D049BB133111EB % 2**64
        return x ^ x >> 31

    def stream(seed: int) -> list[float]:
        state, found = mixed(seed), []
        for _ in range(DRAWS):
            state = (state + 0x9E3779B97F4A7C15) % 2**64
            found.append((mixed(state) >> 11) / 2**53)
        return found

    seeds = [0, 1, 12345, 2**64 - 1]
    assert uniforms(np.array(seeds, np.uint64), DRAWS).tolist() == [stream(seed) for seed in seeds]
    assert mixed(0x9E3779B97F4A7C15) == 0xE220A8397B1DCDAF  # the first number of the published generator from 0


def test_an_image_depends_on_its_seed_alone() -> None:
    image = picture()
    seeds = SEEDS[:50]
    together = []
    for change in FaceAugmentation().changes(seeds, 112):
        together.append(np.empty_like(image))
        FaceAugmentation().apply(image, change, together[-1])
    before = image.copy()
    assert all(np.array_equal(FaceAugmentation().augment(image, int(seed)), one) for seed, one in zip(seeds, together, strict=True))
    assert np.array_equal(image, before)
    assert len({one.tobytes() for one in together}) > 10
    assert not set(image_seeds(1, np.arange(100)).tolist()) & set(image_seeds(2, np.arange(100)).tolist())


def test_how_often() -> None:
    changes = FaceAugmentation().changes(SEEDS, 112)
    shares = [np.mean([bool(change[i]) for change in changes]) for i in range(4)]
    assert shares == pytest.approx([0.2, 0.2, 0.2, 0.5], abs=0.012)
    both = np.mean([bool(change.crop) and change.flip for change in changes])
    assert both == pytest.approx(0.1, abs=0.01)
    nothing = FaceAugmentation(crop=0, low_resolution=0, photometric=0, flip=0)
    assert {tuple(change) for change in nothing.changes(SEEDS[:100], 112)} == {(None, None, None, False)}


def test_parts_are_torchvisions() -> None:
    import torch
    from torchvision.transforms import RandomResizedCrop

    torch.manual_seed(0)
    theirs = np.array([RandomResizedCrop.get_params(torch.zeros(3, 112, 112), [0.2, 1.0], [3 / 4, 4 / 3]) for _ in range(1500)])
    top, left, bottom, right = crop_boxes(np.random.default_rng(0).random((20_000, 22)), 112).T
    assert min(top.min(), left.min()) >= 0
    assert max(bottom.max(), right.max()) == 112
    ours = np.stack([top, left, bottom - top, right - left], axis=1)
    for quantile in (0.05, 0.25, 0.5, 0.75, 0.95):
        assert np.quantile(ours, quantile, axis=0) == pytest.approx(np.quantile(theirs, quantile, axis=0), abs=4)
    area = ours[:, 2] * ours[:, 3] / 112**2
    assert area.min() > 0.19
    assert np.mean(area) == pytest.approx(np.mean(theirs[:, 2] * theirs[:, 3]) / 112**2, abs=0.02)
    assert np.corrcoef(np.log(ours[:, 2] / ours[:, 3]), area)[0, 1] == pytest.approx(0, abs=0.03)


def test_parts_one_by_one() -> None:
    draws = np.random.default_rng(3).random((500, 22))
    draws[0, :20] = [0.999] * 10 + [0.999] * 10  # no attempt fits
    for row, box in zip(draws.tolist(), crop_boxes(draws, 112).tolist(), strict=True):
        height = width = 112
        for area, aspect in zip(row[:10], row[10:20], strict=True):
            target, ratio = 112 * 112 * (0.2 + 0.8 * area), np.exp(np.log(3 / 4) + aspect * (np.log(4 / 3) - np.log(3 / 4)))
            w, h = round(np.sqrt(target * ratio)), round(np.sqrt(target / ratio))
            if 0 < w <= 112 and 0 < h <= 112:
                height, width = h, w
                break
        top, left = int(row[20] * (112 - height + 1)), int(row[21] * (112 - width + 1))
        assert box == [top, left, top + height, left + width]


def test_a_part_stays_at_its_place() -> None:
    image = picture(20)
    expected = np.array([[image[y, x] if 3 <= y < 9 and 5 <= x < 20 else (0, 0, 0) for x in range(20)] for y in range(20)])
    assert np.array_equal(paste_crop(image, (3, 5, 9, 20)), expected)


def test_resolutions() -> None:
    lows = [change.low for change in ALL.changes(SEEDS, 112)]
    sides = np.array([low[0] for low in lows if low])
    assert (sides.min(), sides.max()) == (22, 111)
    assert sides.mean() == pytest.approx(0.6 * 112 - 0.5, abs=0.6)
    pairs = Counter(low[1:] for low in lows if low)
    assert set(pairs) == set(itertools.product(INTERPOLATIONS, INTERPOLATIONS))
    assert max(abs(count / len(lows) - 0.04) for count in pairs.values()) < 0.006
    image = picture()
    for down, up in pairs:
        small = cv2.resize(image, (50, 50), interpolation=down)
        assert np.array_equal(low_resolution(image, 50, down=down, up=up), cv2.resize(small, (112, 112), interpolation=up))


@pytest.mark.parametrize("native", [True, False])
def test_lanczos_is_opencvs_to_the_last_bit(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not native:
        monkeypatch.setattr(lanczos, "_library", lambda: None)
    for side in (1, 5, 22, 57, 111, 112, 113, 250):
        for image in (rng.integers(0, 256, (112, 112, 3), dtype=np.uint8), rng.choice(np.array([0, 255], np.uint8), (112, 112, 3))):
            small = cv2.resize(image, (side, side), interpolation=cv2.INTER_LANCZOS4)
            assert np.array_equal(lanczos.resize_lanczos(image, side, side), small)
            large = cv2.resize(small, (112, 90), interpolation=cv2.INTER_LANCZOS4)
            assert np.array_equal(lanczos.resize_lanczos(small, 112, 90), large)


@pytest.mark.parametrize(("what", "most"), [("b", 0.0005), ("c", 0.0005), ("s", 0.03)])  # OpenCV's matrix has ten bits after the point
def test_colours(what: str, most: float) -> None:
    image = picture()
    grey = image @ np.array([0.299, 0.587, 0.114])
    base = {"b": 0.0, "c": np.floor(grey.mean() + 0.5), "s": grey[..., None]}[what]
    enhance = {"b": ImageEnhance.Brightness, "c": ImageEnhance.Contrast, "s": ImageEnhance.Color}[what](Image.fromarray(image)).enhance
    for factor in np.linspace(0.5, 1.5, 11).tolist():
        ours = photometric(image, (factor,) * 3, order=what).astype(int)
        slow = np.clip(np.rint(factor * image + (1 - factor) * base), 0, 255)
        assert np.mean(ours != slow) < most or (factor * 510) % 1 == pytest.approx(0)  # halves are rounded either way
        assert np.abs(ours - slow).max() <= 1
        assert np.abs(ours - np.asarray(enhance(factor))).max() <= 1  # Pillow cuts off


@pytest.mark.parametrize("order", ORDERS)
def test_order_of_the_colours(order: str) -> None:
    image, factors = picture(), {"b": 1.4, "c": 0.6, "s": 1.3}
    slow = image
    for what in order:
        slow = photometric(slow, (factors[what],) * 3, order=what)
    assert np.array_equal(photometric(image, (1.4, 0.6, 1.3), order=order), slow)


def test_the_published_codes_colours() -> None:
    """It takes BGR data for RGB: the same as changing the image with its channels swapped."""
    image = picture()
    published, right = (FaceAugmentation(crop=0, low_resolution=0, photometric=1, flip=0, photometric_on=on) for on in ("bgr", "rgb"))
    for seed in range(5):
        swapped = right.augment(np.ascontiguousarray(image[..., ::-1]), seed)[..., ::-1]
        assert np.abs(published.augment(image, seed).astype(int) - swapped).max() <= 1
    assert not np.array_equal(published.augment(image, 0), right.augment(image, 0))


def test_factors() -> None:
    jitters = [change.colours for change in ALL.changes(SEEDS, 112)]
    factors = np.array([jitter[0] for jitter in jitters if jitter])
    assert (factors.min() >= 0.5) & (factors.max() < 1.5)
    assert factors.mean(0) == pytest.approx([1, 1, 1], abs=0.01)
    assert factors.std(0) == pytest.approx([12**-0.5] * 3, abs=0.01)
    orders = Counter(jitter[1] for jitter in jitters if jitter)
    assert set(orders) == set(ORDERS)
    assert max(abs(count / len(jitters) - 1 / 6) for count in orders.values()) < 0.012


def test_order_of_the_changes() -> None:
    image = picture()
    change = ALL.changes(SEEDS[:1], 112)[0]
    assert change.crop and change.low and change.colours and change.flip
    slow = low_resolution(paste_crop(image, change.crop), change.low[0], down=change.low[1], up=change.low[2])
    slow = photometric(slow, change.colours[0], order=change.colours[1], grey=GREY)[:, ::-1]
    assert np.array_equal(ALL.augment(image, int(SEEDS[0])), slow)


def test_as_albumentations() -> None:
    from facenas.data.augmentation.transforms import albumentations_pipeline

    image = picture()
    pipeline = albumentations_pipeline(ALL, seed=1)
    first = pipeline(image=image)["image"]
    assert first.shape == image.shape
    assert not np.array_equal(first, pipeline(image=image)["image"])
    assert np.array_equal(first, albumentations_pipeline(ALL, seed=1)(image=image)["image"])
    only_flip = albumentations_pipeline(FaceAugmentation(crop=0, low_resolution=0, photometric=0, flip=1))
    assert np.array_equal(only_flip(image=image)["image"], image[:, ::-1])
