"""Faces that are read while the device computes: the same training wherever they lie and whoever reads them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facenas.backbones import Blueprint, IRSpace
from facenas.data import FaceAugmentation, FaceDataset, FaceSet, FolderFaces, InputContract, OrlFaces, RecordFaces, in_memory
from facenas.data.formats.packing import pack
from facenas.data.sources.synthetic import draw_faces
from facenas.errors import DataError, DivergedError, StoppedError
from facenas.heads.settings import AdaFaceHead
from facenas.training import tasks
from facenas.training.fit import fit
from facenas.training.keeper import CheckpointSettings
from facenas.training.logbook import Log
from facenas.training.recipe import Recipe
from facenas.training.tasks import FaceTask
from tests.training.test_trainer import stopping_after

SPACE = IRSpace(embedding_size=16, input_size=32, output="gdc", dropout=0.3)
BLUEPRINT = Blueprint(architecture=SPACE.start(depth=10, width=8), space=SPACE)
RECIPE = Recipe(batch_size=40, lr=0.05, precision="fp32")


def trained(faces: FaceDataset, *, augmentation: FaceAugmentation | None = None, workers: int = 0, **options: Any) -> list[float]:
    contract = InputContract(size=32)
    task = FaceTask(faces, None, head=AdaFaceHead(scale=16), contract=contract, augmentation=augmentation, workers=workers)
    told = options.pop("told", list[Log]())
    fit(
        task,
        BLUEPRINT,
        recipe=RECIPE,
        epochs=2,
        seed=0,
        device="cpu",
        care=CheckpointSettings(log_every=1),
        after_log=told.append,
        **options,
    )
    return [log.loss for log in told]


@pytest.fixture(scope="module")
def orl() -> FaceDataset:
    return OrlFaces().open(32)


@pytest.fixture(scope="module")
def folder_curve(orl: FaceDataset) -> list[float]:
    return trained(in_memory(orl))


def test_faces_read_from_disk_train_as_faces_in_memory(orl: FaceDataset, folder_curve: list[float]) -> None:
    assert len(folder_curve) == 20
    assert trained(orl) == folder_curve
    assert trained(orl, workers=2) == folder_curve


def test_a_record_file_trains_as_the_folder_that_it_was_packed_from(orl: FaceDataset, folder_curve: list[float], tmp_path: Path) -> None:
    """Bit for bit: identities in the same order, pixels without loss."""
    pack(orl, tmp_path / "train.rec")
    records = RecordFaces(root=str(tmp_path))
    assert trained(records.open(32)) == folder_curve
    assert trained(records.load(32)) == folder_curve


def test_augmentation_depends_neither_on_workers_nor_on_the_memory(orl: FaceDataset, folder_curve: list[float]) -> None:
    changed = trained(orl, augmentation=FaceAugmentation())
    assert changed != folder_curve
    assert trained(orl, augmentation=FaceAugmentation(), workers=2) == changed
    assert trained(in_memory(orl), augmentation=FaceAugmentation(), workers=1) == changed


def test_a_stream_goes_on_in_the_middle_of_an_epoch(orl: FaceDataset, tmp_path: Path) -> None:
    whole, told = trained(orl, augmentation=FaceAugmentation()), list[Log]()
    options: dict[str, Any] = {"augmentation": FaceAugmentation(), "checkpoint": tmp_path / "c.pt", "told": told}
    with pytest.raises(StoppedError):
        trained(orl, stop=stopping_after(13), **options)
    assert trained(orl, **options) == whole


def test_a_bad_step_names_its_files(orl: FaceDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RECIPE.__class__, "learning_rate", lambda self, epoch, epochs: 1e20)
    with pytest.raises(DivergedError, match=r"in step \d+ of epoch 1, on .*s\d+/\d+\.pgm, "):
        trained(orl)


def test_a_file_that_is_damaged_meanwhile_is_named(tmp_path: Path) -> None:
    images, identities = draw_faces(people=4, photographs=10, size=32)
    for row, (image, person) in enumerate(zip(images, identities, strict=True)):
        (tmp_path / f"p{person}").mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / f"p{person}" / f"{row}.png")
    faces = FolderFaces(root=str(tmp_path)).open(32)
    (tmp_path / "p2" / "25.png").write_bytes(b"no longer a picture")
    with pytest.raises(DataError, match=r"p2/25\.png is not a readable image; repair or remove it"):
        trained(faces, workers=1)


def test_the_wait_for_images_is_told(orl: FaceDataset) -> None:
    told: list[Log] = []
    trained(orl, told=told)
    assert all(0 <= log.wait_share <= 1 for log in told)
    assert max(log.wait_share for log in told) > 0.01  # without workers, reading is waiting


def test_people_are_counted_before_the_first_step(orl: FaceDataset, caplog: pytest.LogCaptureFixture) -> None:
    faces = in_memory(orl)
    with pytest.raises(DataError, match="labels run from 0 to 39, there are 39 identities from 0; see `facenas data check`"):
        trained(replace(faces, names=faces.names[:-1]))
    with pytest.raises(DataError, match="1 identities have no photograph, for example s41; remove them"):
        trained(replace(faces, names=(*faces.names, "s41")))
    lonely = faces.rows(np.arange(391))
    trained(lonely)
    assert "1 of 40 identities have one photograph, for example s40" in caplog.text


def test_a_validation_photograph_that_cannot_be_read_never_shifts_the_pairs(orl: FaceDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as may be left out of a training set: here they are refused."""
    names, contract = list(orl.names), InputContract(size=32)
    train, validation = orl.of(names[:5]), orl.of(names[5:])
    whole = FaceTask(train, validation, head=AdaFaceHead(), contract=contract)
    assert isinstance(whole.validation, FaceSet) and whole.pairs is not None
    same = whole.validation.identities[whole.pairs.first] == whole.validation.identities[whole.pairs.second]
    assert np.array_equal(same, whole.pairs.same)
    monkeypatch.setattr(tasks, "in_memory", lambda faces: in_memory(faces).rows(np.arange(1, len(faces))))
    with pytest.raises(DataError, match="1 of 350 validation photographs cannot be decoded"):
        FaceTask(train, validation, head=AdaFaceHead(), contract=contract)
