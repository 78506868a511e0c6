"""The strategy against the authors' own searches, candidate by candidate."""

import json
from pathlib import Path

import pytest

from facenas.backbones import PlainSpace
from facenas.search import DynamicRanking, Score

PUBLISHED = sorted((Path(__file__).parent.parent / "data").glob("*_w*.json"))
TEST_IMAGES = {"EMNIST": 18_800}
TRAIN_IMAGES = {"CIFAR10": 50_000, "CIFAR100": 50_000, "EMNIST": 112_800}


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_replays_published_search(path: Path) -> None:
    log = json.loads(path.read_text())
    space = PlainSpace(in_channels=log["in_channels"], num_classes=log["num_classes"])
    settings = log["settings"]
    settings |= {"depth_gain": settings["depth_gain"] / 100, "depth_drop": settings["depth_drop"] / 100}
    plan = DynamicRanking(space, **settings).search()
    candidate = next(plan)
    for step, row in enumerate(log["candidates"]):
        architecture = candidate.architecture
        asked = {
            "phase": candidate.phase, "depth": architecture.depth, "width": architecture.width,
            "operations": list(architecture.operations), "kernels": list(architecture.kernels), "epochs": candidate.epochs,
            "params": space.count_parameters(architecture),
        }  # fmt: skip
        assert asked == {key: row[key] for key in asked}, f"candidate {step}"
        total, train_total = TEST_IMAGES.get(log["dataset"], 10_000), TRAIN_IMAGES.get(log["dataset"], 60_000)
        score = Score(
            correct=round(row["val_accuracy"] * total / 100), total=total,
            train_correct=round(row["train_accuracy"] * train_total / 100), train_total=train_total,
        )  # fmt: skip
        if step + 1 < len(log["candidates"]):
            candidate = plan.send(score)
        else:
            with pytest.raises(StopIteration) as end:
                plan.send(score)
    found = end.value.value
    final = log["final"]
    assert (found.depth, found.width, list(found.operations), list(found.kernels)) == (
        final["depth"], final["width"], final["operations"], final["kernels"],
    )  # fmt: skip
    assert space.count_parameters(found) == final["params"]
