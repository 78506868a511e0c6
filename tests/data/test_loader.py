from pathlib import Path

import numpy as np
import pytest
import torch

from facenas.data import FolderFaces, OrlFaces, RecordFaces
from facenas.data.augmentation.face_augment import FaceAugmentation, image_seeds
from facenas.data.formats.packing import pack
from facenas.data.loader import FaceBatch, FaceLoader, batches
from facenas.errors import DataError

SETTINGS = FaceAugmentation(crop=0.5, low_resolution=0.5, photometric=0.5)
ORDER = np.random.default_rng(0).permutation(400)[:50]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("packed")
    pack(OrlFaces().open(32), path / "train.rec")
    return path


def equal(one: list[FaceBatch], other: list[FaceBatch]) -> bool:
    return len(one) == len(other) and all(torch.equal(a, b) for x, y in zip(one, other, strict=True) for a, b in zip(x, y, strict=True))


def test_batches_one_image_at_a_time(folder: Path) -> None:
    faces = RecordFaces(root=str(folder)).open(32)
    found = list(batches(faces, ORDER, epoch_seed=3, batch_size=16, augmentation=SETTINGS))
    assert [len(batch.rows) for batch in found] == [16, 16, 16, 2]
    assert found[0].images.is_contiguous(memory_format=torch.channels_last)
    images = torch.cat([batch.images for batch in found])
    assert images.dtype == torch.uint8
    for place, (row, seed) in enumerate(zip(ORDER.tolist(), image_seeds(3, np.arange(50)).tolist(), strict=True)):
        assert np.array_equal(images[place].permute(1, 2, 0), SETTINGS.augment(faces.image(row), seed))
    assert torch.cat([batch.rows for batch in found]).tolist() == ORDER.tolist()
    assert torch.cat([batch.identities for batch in found]).tolist() == faces.identities[ORDER].tolist()
    plain = next(batches(faces, ORDER, epoch_seed=3, batch_size=16)).images
    assert np.array_equal(plain[1].permute(1, 2, 0), faces.image(int(ORDER[1])))


def test_workers_change_nothing(folder: Path) -> None:
    faces = RecordFaces(root=str(folder)).open(32)
    alone = list(batches(faces, ORDER, epoch_seed=3, batch_size=16, augmentation=SETTINGS))
    assert not equal(alone, list(batches(faces, ORDER, epoch_seed=4, batch_size=16, augmentation=SETTINGS)))
    loader = FaceLoader(faces, batch_size=16, workers=2, augmentation=SETTINGS)
    assert equal(alone, list(loader.epoch(ORDER, seed=3)))
    next(loader.epoch(ORDER, seed=9))  # an epoch that is given up
    assert equal(alone, list(loader.epoch(ORDER, seed=3)))  # the same workers
    assert equal(alone[2:], list(loader.epoch(ORDER, seed=3, start=32)))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_file_is_named_in_one_sentence(tmp_path: Path, workers: int) -> None:
    (tmp_path / "a").mkdir()
    for number in range(3):
        (tmp_path / "a" / f"{number}.jpg").write_bytes(b"damaged")
    faces = FolderFaces(root=str(tmp_path)).open(16)
    with pytest.raises(DataError, match=r"^\S*1\.jpg is not a readable image; repair or remove it$"):
        list(batches(faces, np.array([1, 2]), epoch_seed=0, batch_size=2, workers=workers))
