"""A user's own pipeline of albumentations: `augmentation.file`, as the library itself saves it."""

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from facenas.data import FaceAugmentation, OrlFaces, Pipeline, in_turn
from facenas.data.augmentation import transforms as ours  # noqa: F401  registers them with albumentations
from facenas.data.augmentation.face_augment import image_seeds
from facenas.data.loader import FaceLoader
from facenas.errors import DataError, SettingsError
from facenas.settings import assigned
from facenas.training.settings import TrainSettings

A = pytest.importorskip("albumentations")

Command = Callable[..., Any]
ORDER = np.random.default_rng(0).permutation(400)[:40]
CHANGES = [A.HorizontalFlip(p=0.5), A.ColorJitter(p=0.8), A.OneOf([A.GaussNoise(p=1), A.MotionBlur(p=1)], p=0.5), A.CoarseDropout(p=0.5)]


def saved(transform: Any, path: Path, form: str = "yaml") -> Path:
    A.save(transform, path, data_format=form)
    return path


def pipeline(transform: Any, folder: Path) -> Pipeline:
    return Pipeline.model_validate({"file": str(saved(transform, folder / "pipeline.yaml"))})


def test_an_image_depends_on_its_seed_alone_for_any_number_of_workers(tmp_path: Path) -> None:
    faces, own = OrlFaces().load(32), pipeline(A.Compose(CHANGES), tmp_path)
    before = faces.images.copy()
    alone = torch.cat([batch.images for batch in FaceLoader(faces, batch_size=8, augmentation=own).epoch(ORDER, seed=3)])
    for place, (row, seed) in enumerate(zip(ORDER.tolist(), image_seeds(3, np.arange(40)).tolist(), strict=True)):
        assert np.array_equal(alone[place].permute(1, 2, 0), own.augment(faces.image(row), seed))
    shared = FaceLoader(faces, batch_size=8, workers=2, augmentation=own)
    assert torch.equal(alone, torch.cat([batch.images for batch in shared.epoch(ORDER, seed=3)]))
    assert torch.equal(alone[16:], torch.cat([batch.images for batch in shared.epoch(ORDER, seed=3, start=16)]))
    assert not torch.equal(alone, torch.cat([batch.images for batch in shared.epoch(ORDER, seed=4)]))
    assert np.array_equal(before, faces.images)


def test_its_changes_are_drawn_apart(tmp_path: Path) -> None:
    """albumentations' own seed gives every transform the same numbers: the two flips would come together or not at all."""
    image, own = np.arange(48, dtype=np.uint8).reshape(4, 4, 3), pipeline(A.Compose([A.HorizontalFlip(), A.VerticalFlip()]), tmp_path)
    corners = Counter(int(own.augment(image, seed)[0, 0, 0]) for seed in image_seeds(1, np.arange(400)).tolist())
    assert set(corners) == {0, 9, 36, 45}
    assert min(corners.values()) > 60


def test_after_adafaces(tmp_path: Path) -> None:
    image, own, adaface = OrlFaces().load(32).image(7), pipeline(A.Compose(CHANGES), tmp_path), FaceAugmentation(crop=1, photometric=1)
    both = in_turn(adaface, own)
    assert both and in_turn(None, None) is None and in_turn(adaface, None) is adaface and in_turn(None, own) is own
    seeds, out = image_seeds(0, np.arange(5)), np.empty_like(image)
    for seed, change in zip(seeds.tolist(), both.changes(seeds, 32), strict=True):
        both.apply(image, change, out)
        assert np.array_equal(out, own.augment(adaface.augment(image, seed), seed))
        assert np.array_equal(out, both.augment(image, seed))


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_what_albumentations_saves(tmp_path: Path, form: str) -> None:
    """Whatever the file is called; some of its transforms save arguments that they do not read."""
    image = OrlFaces().load(32).image(0)
    for one in (A.Rotate(), A.SafeRotate(), A.RGBShift(), A.Compose([A.RandomCrop(20, 20), A.Resize(32, 32)]), A.ReplayCompose(CHANGES),
                A.SomeOf(CHANGES, n=2), A.Sequential(CHANGES), A.OneOrOther(A.Blur(), A.Rotate())):  # fmt: skip
        own = Pipeline.model_validate({"file": str(saved(one, tmp_path / "any.yaml", form))})
        own.check(32)
        assert Pipeline.model_validate(own.model_dump()) == own
        assert len({own.augment(image, seed).tobytes() for seed in range(20)}) > 1


def told(tree: Any, path: Path, size: int = 32) -> str:
    path.write_text(tree if isinstance(tree, str) else json.dumps({"transform": tree}), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        settings = assigned(TrainSettings, {"data": {"name": "synthetic"}, "architecture": "ir18"}, [f"augmentation.file={path}"])
        assert settings.augmentation
        settings.augmentation.check(size)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def compose(*transforms: dict[str, Any]) -> dict[str, Any]:
    return {"__class_fullname__": "Compose", "p": 1.0, "transforms": list(transforms)}


FLIP = {"__class_fullname__": "HorizontalFlip", "p": 0.5}


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"__class_fullname__": "shutil.rmtree", "p": 1}, "only albumentations' own transforms .* got 'shutil.rmtree'"),
        (compose(FLIP, {"__class_fullname__": "facenas.data.Own", "p": 1}), "own transforms .* got 'facenas.data"),
        (compose(compose({"__class_fullname__": "Lambda", "name": "mine", "p": 1})), "own transforms .* got 'Lambda'"),
        (compose({"__class_fullname__": ["Rotate"]}), "own transforms"),
        (compose({"__class_fullname__": "HorizontalFlop"}), "did you mean 'HorizontalFlip'"),
        ({"__class_fullname__": "Compose", "transforms": "none"}, "`transforms` of Compose must be a list"),
        (compose(FLIP | {"probability": 1}), r"refuses the pipeline: HorizontalFlip has no 'probability'; \(there are: p\)"),
        (compose({"__class_fullname__": "Rotate", "limit": "far", "p": 1}), "refuses the pipeline: .*limit"),
        (compose(FLIP | {"p": 5}), "refuses the pipeline: .*less than or equal to 1"),
        (compose({"__class_fullname__": "RandomCrop", "height": 20, "width": 24, "p": 0.001}), "it, 32 x 32 x 3 of uint8, got 20 x 24 x 3"),
        (compose({"__class_fullname__": "Normalize", "p": 1}), "got 32 x 32 x 3 of float32; .* leave out what normalises"),
        (compose({"__class_fullname__": "ToTensorV2", "p": 1}), "got 3 x 32 x 32 of uint8"),
        (compose({"__class_fullname__": "MaskDropout", "p": 0.5}), "fails on an image: MaskDropout requires"),
        ("transform: !!python/object/apply:os.getcwd []", "is not a pipeline as albumentations.save writes it"),
        ("transform: &all {__class_fullname__: Compose, transforms: [*all]}", "more than 10,000 values"),
        ("[" * 50_000, "is not a pipeline"),
        ("transform: {__class_fullname__: Rotate, limit: .inf}", "is not a pipeline"),
        ("", "must hold the key `transform`"),
        ("[1, 2]", "must hold the key `transform`"),
        ("\0", "is not a pipeline"),
        ("#" * (2**20 + 1), "has 1,048,577 bytes, a pipeline has at most 1,048,576"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_one_sentence(tmp_path: Path, tree: Any, expected: str) -> None:
    assert re.search(expected, told(tree, tmp_path / "mine.yaml"))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no pipeline at nowhere\.yaml; write one with albumentations\.save"):
        Pipeline.model_validate({"file": "nowhere.yaml"})
    with pytest.raises(ValueError, match=r"needs a file: augmentation\.file=pipeline\.yaml"):
        Pipeline.model_validate({})


def test_a_size_that_only_an_image_shows(tmp_path: Path) -> None:
    own = pipeline(A.Compose([A.CropNonEmptyMaskIfExists(8, 8)]), tmp_path)
    with pytest.raises(DataError, match=r"augmentation\.file fails"):
        own.augment(OrlFaces().load(32).image(0), 1)


def test_train_resumes_and_search_takes_it(facenas: Command, tmp_path: Path) -> None:
    file = saved(A.Compose(CHANGES), tmp_path / "pipeline.yaml")
    own = ["--set", f"augmentation.file={file}", "--set", "data.people=10", "--set", "data.photographs=5", "--set", "data.test_people=2"]
    small = ["--config", "smoke", "--architecture", "found.json", *own, "--json"]
    found = facenas(
        "search", "--config", "smoke", *own, "--set", "strategy.max_depth=10", "--set", "strategy.micro=false", "--run", "s", "--json"
    ).json
    assert found["candidates"]
    (tmp_path / "found.json").write_text((tmp_path / "s" / "architecture.json").read_text())
    one = facenas("train", *small, "--run", "one", "--set", "epochs=2", "--set", "workers=0").json
    two = facenas("train", *small, "--run", "two", "--set", "epochs=2", "--set", "workers=2").json
    assert one["loss"] == two["loss"]
    without = [one for one in small if one != f"augmentation.file={file}"]
    without.remove("--set")
    plain = facenas("train", *without, "--run", "plain", "--set", "epochs=2").json
    assert plain["loss"] != one["loss"]
    saved(A.Compose(CHANGES), tmp_path / "elsewhere.json", "json")  # the same, in another file
    again = ["train", *small, "--run", "one", "--set", "epochs=2", "--set", "workers=0", "--set"]
    assert facenas(*again, "augmentation.file=elsewhere.json").json["loss"] == one["loss"]
    saved(A.Compose(CHANGES[:2]), tmp_path / "other.yaml")
    assert "other settings: augmentation.content" in facenas(*again, "augmentation.file=other.yaml", code=1).stderr


def test_for_faces_alone(facenas: Command, tmp_path: Path) -> None:
    saved(A.Compose(CHANGES), tmp_path / "pipeline.yaml")
    refused = facenas("search", "--config", "digits", "--run", "s", "--set", "augmentation.file=pipeline.yaml", code=1).stderr
    assert "augmentation changes faces, and digits holds none" in refused


def test_looked_at(facenas: Command, tmp_path: Path) -> None:
    faces = OrlFaces().load(32)
    for row in range(0, 40, 10):
        (tmp_path / "faces" / str(row)).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "faces" / str(row) / "0.png"), faces.image(row)[..., ::-1])
    saved(A.Compose([A.VerticalFlip(p=1)]), tmp_path / "pipeline.yaml")
    facenas("data", "sample", "faces", "--size", "32", "--set", "augmentation.file=pipeline.yaml")
    sheet = cv2.imread("sheet.png")
    first, second = sheet[4:36, 4:36], sheet[4:36, 40:72]
    assert np.array_equal(first[::-1], second)
    facenas("data", "sample", "faces", "--size", "32", "--set", "face_augmentation.crop=1", "--set", "face_augmentation.flip=0")
    assert not np.array_equal(cv2.imread("sheet.png"), sheet)
    assert "did you mean 'augmentation'" in facenas("data", "sample", "faces", "--set", "augmentatoin.file=x", code=1).stderr
