import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from facenas.data import (
    FolderFaces,
    InputContract,
    OrlFaces,
    SyntheticFaces,
    balanced_pairs,
    development_faces,
    split_by_identity,
    test_names,
)
from facenas.errors import DataError

test_names.__test__ = False  # type: ignore[attr-defined]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six people with twenty photographs each."""
    rng = np.random.default_rng(0)
    for person in range(6):
        for number in range(20):
            file = tmp_path / f"person{person}" / f"{number}.png"
            file.parent.mkdir(exist_ok=True)
            cv2.imwrite(str(file), rng.integers(0, 255, (20, 16, 3), dtype=np.uint8))
    return tmp_path


def test_orl_has_forty_people_with_ten_photographs_each() -> None:
    faces = OrlFaces().load(32)
    assert faces.images.shape == (400, 32, 32, 3)
    assert np.bincount(faces.identities).tolist() == [10] * 40
    assert faces.names == tuple(f"s{number}" for number in range(1, 41))


def test_test_people_are_out_of_reach_of_search_and_training() -> None:
    source = OrlFaces(split_seed=3)
    kept = test_names(source, source.load(16))
    development = development_faces(source, 16)
    assert len(kept) == 10
    assert not set(kept) & set(development.names)
    split = split_by_identity(development, held_out=8, seed=0)
    assert len(split.validation.names) == 8
    assert not set(split.train.names) & set(split.validation.names)
    assert len(split.train) + len(split.validation) == 300


def test_colours_are_rgb(folder: Path) -> None:
    cv2.imwrite(str(folder / "person0" / "0.png"), np.full((8, 8, 3), (0, 0, 255), np.uint8))  # OpenCV writes BGR: this is red
    assert FolderFaces(root=str(folder)).load(8).images[0, 4, 4].tolist() == [255, 0, 0]


def test_one_unreadable_photograph_in_a_hundred_is_named_and_skipped(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "person1" / "3.png").write_bytes(b"not an image")
    with caplog.at_level(logging.WARNING):
        faces = FolderFaces(root=str(folder)).load(8)
    assert len(faces) == 119
    assert np.bincount(faces.identities).tolist() == [20, 19, 20, 20, 20, 20]
    assert "skipped 1 of 120" in caplog.text
    assert "person1/3.png" in caplog.text


def test_more_unreadable_photographs_are_refused(folder: Path) -> None:
    photograph = (folder / "person0" / "1.png").read_bytes()
    (folder / "person0" / "1.png").write_bytes(photograph[: len(photograph) // 2])
    (folder / "person2" / "notes.jpg").write_text("hello")
    with pytest.raises(DataError, match="2 of 121 files are not readable images, more than 1%"):
        FolderFaces(root=str(folder)).load(8)


def test_a_person_with_one_photograph_is_refused_or_left_out(folder: Path) -> None:
    (folder / "alone").mkdir()
    (folder / "alone" / "1.png").write_bytes((folder / "person0" / "1.png").read_bytes())
    with pytest.raises(DataError, match="alone has one"):
        FolderFaces(root=str(folder)).load(8)
    assert FolderFaces(root=str(folder), skip_single=True).load(8).names == tuple(f"person{i}" for i in range(6))


def test_missing_and_empty_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder at"):
        FolderFaces(root=str(tmp_path / "none")).load(8)
    with pytest.raises(DataError, match="has no photographs in folders below it"):
        FolderFaces(root=str(tmp_path)).load(8)


def test_pairs_are_balanced_in_every_fold_different_and_right() -> None:
    identities = np.repeat(np.arange(10), 10)
    pairs = balanced_pairs(identities, seed=0)
    assert len(pairs) == 900
    assert (pairs.same == (identities[pairs.first] == identities[pairs.second])).all()
    assert len({frozenset(pair) for pair in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)}) == 900
    assert [int(fold.sum()) for fold in np.array_split(pairs.same, 10)] == [45] * 10
    assert (balanced_pairs(identities, seed=0).first == pairs.first).all()
    with pytest.raises(DataError, match="at least 10"):
        balanced_pairs(np.array([0, 0, 1, 1]), seed=0)


def test_contract_prepares_channel_order_and_scale() -> None:
    import torch

    image = torch.tensor([[[[255]], [[127]], [[0]]]], dtype=torch.uint8)
    assert InputContract(size=1).prepare(image).flatten().tolist() == pytest.approx([1, -0.5 / 127.5, -1])
    assert InputContract(size=1, color="bgr", mean=(0, 127, 255), std=(1,)).prepare(image).flatten().tolist() == [0, 0, 0]


def test_drawn_faces_are_the_same_every_time() -> None:
    source = SyntheticFaces(people=5, photographs=3, test_people=1)
    assert (source.load(16).images == source.load(16).images).all()
    assert source.load(16).images.shape == (15, 16, 16, 3)


@pytest.mark.parametrize(
    ("test_people", "sentence"),
    [(0, "there are 6; add people"), (3, "there are 6, 3 of them are kept for testing; lower data.test_people, or add people")],
)
def test_too_few_people_are_told_what_helps(folder: Path, test_people: int, sentence: str) -> None:
    source = FolderFaces(root=str(folder), test_people=test_people)
    faces = source.open(8)
    if not test_people:
        faces = faces.of(faces.names[:3])
        sentence = sentence.replace("6", "3")
    with pytest.raises(DataError, match=f"at least 4 identities are needed to train on, {sentence}"):
        test_names(source, faces)
