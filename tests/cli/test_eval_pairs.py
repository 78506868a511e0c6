"""`facenas eval` on pairs as users have them: few, in LFW's layout, with pictures missing; and what it says of few people."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

from facenas.data import OrlFaces
from tests.cli.test_eval import model  # noqa: F401

Command = Callable[..., Any]
PEOPLE = 6


@pytest.fixture
def lfw(tmp_path: Path) -> Path:
    """Four pictures of each of six people below `lfw`, and `pairs.txt` beside it."""
    faces = OrlFaces().open(112)
    lines = []
    for person in range(PEOPLE):
        other = (person + 1) % PEOPLE
        lines += [f"P{person}\t1\t2", f"P{person}\t3\t4", f"P{person}\t1\tP{other}\t2", f"P{person}\t3\tP{other}\t4"]
        for number in range(4):
            path = tmp_path / "root" / "lfw" / f"P{person}" / f"P{person}_{number + 1:04d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), faces.image(10 * person + number)[..., ::-1])
    (tmp_path / "root" / "pairs.txt").write_text("\n".join(lines))
    return tmp_path / "root"


def test_a_missing_picture_is_told_and_the_rest_measured(facenas: Command, model: Path, lfw: Path) -> None:  # noqa: F811
    measured = ("eval", "--model", model, "--benchmark", "lfw", "--data", lfw)
    whole = facenas(*measured, "--json").json["lfw"]
    assert (whole["pairs"], whole["left_out"]) == (24, {})
    (lfw / "lfw" / "P3" / "P3_0002.jpg").unlink()
    done = facenas(*measured, "--json")
    assert (done.json["lfw"]["pairs"], done.json["lfw"]["left_out"]) == (22, {"pairs": 2})
    said = "1 of 24 pictures are missing or unreadable ("
    assert f"lfw: {said}" in done.stderr
    assert "P3_0002.jpg cannot be read: No such file or directory; put it back or remove it); left out: 2 pairs" in done.stderr
    assert any(said in text for text in done.json["lfw"]["remarks"])
    assert "lfw: 22 pairs, ten folds" in facenas(*measured).stdout  # now from the cache
    refused = facenas(*measured, "--set", "data.most_missing=0", code=1).stderr
    assert "1 of 24 pictures of lfw are missing in" in refused


def test_few_pairs(facenas: Command, model: Path, lfw: Path) -> None:  # noqa: F811
    lines = (lfw / "pairs.txt").read_text().splitlines()
    (lfw / "few.txt").write_text("\n".join(lines[:6]))
    done = facenas("eval", "--model", model, "--benchmark", "pairs", "--data", lfw / "few.txt")
    assert "pairs: 6 pairs, 6 folds" in done.stdout
    (lfw / "genuine.txt").write_text("\n".join(line for line in lines if line.count("\t") == 2))
    said = facenas("eval", "--model", model, "--benchmark", "pairs", "--data", lfw / "genuine.txt", code=1).stderr
    assert "must have pairs of one person and pairs of two people to be measured, it has 12 genuine and 0 impostor pairs" in said


@pytest.mark.parametrize(
    ("benchmark", "sentence"),
    [
        ("test,orl", "--benchmark test is for classifiers and orl for face models, and no model is both; measure each with its own"),
        ("lfw, test", "--benchmark test is for classifiers and lfw for face models"),
        ("all,lfw", "--benchmark all measures every benchmark that is there; give it alone"),
        ("orl,olr", "unknown benchmark 'olr'; did you mean 'orl'?"),
        ("orl,", "unknown benchmark ''"),
    ],
)
def test_benchmarks_that_do_not_go_together(facenas: Command, model: Path, benchmark: str, sentence: str) -> None:  # noqa: F811
    said = facenas("eval", "--model", model, "--benchmark", benchmark, code=1).stderr
    assert sentence in said
    assert len(said.strip().splitlines()) == 1  # before anything is measured
    assert not (model / "eval").exists()


def test_few_people_cannot_tell_small_differences(facenas: Command, model: Path, lfw: Path) -> None:  # noqa: F811
    done = facenas("eval", "--model", model, "--benchmark", "folder", "--data", lfw / "lfw", "--set", "data.test_people=0", "--json")
    found = done.json["folder"]
    assert found["pairs"] == 2 * PEOPLE * 6
    points = f"{100 * found['least_difference']:.1f} points"
    assert f"folder: 72 pairs tell two networks apart whose accuracies differ by {points} or more; smaller differences need" in done.stderr
    assert "`facenas train --set validation.folds=K`" in done.stderr
    assert json.loads((model / "eval" / "folder.json").read_text())["folder"]["least_difference"] == found["least_difference"]


def test_pictures_of_other_proportions_are_refused_or_as_is_asked(facenas: Command, model: Path, lfw: Path) -> None:  # noqa: F811
    for file in lfw.glob("lfw/*/*.jpg"):
        cv2.imwrite(str(file), cv2.resize(cv2.imread(str(file)), (96, 112)))
    measured = ("eval", "--model", model, "--benchmark", "lfw", "--data", lfw)
    refused = facenas(*measured, code=1).stderr
    assert "is 96 x 112 pixels; an aligned face is square: align and crop it first, or say with data.shape to stretch it" in refused
    aucs = [facenas(*measured, "--json", "--set", f"data.shape={shape}").json["lfw"]["auc"] for shape in ("stretch", "centre")]
    assert aucs[0] != aucs[1]  # each has embeddings of its own in the cache
