"""The members keep facenas' contracts: `pytest` in this folder, where the package is installed."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facenas.data import OrlFaces
from facenas.testing import BenchmarkContract, FormatContract, HeadContract, ReaderContract, SpaceContract, StrategyContract
from facenas_toy.benchmark import Siblings
from facenas_toy.format import PackedFormat
from facenas_toy.head import MVSoftmaxHead
from facenas_toy.source import ArrayFaces
from facenas_toy.space import LadderSpace
from facenas_toy.strategy import Halving


class TestMVSoftmax(HeadContract):
    settings = MVSoftmaxHead()
    without_margin = MVSoftmaxHead(margin=0, t=0)


class TestLadder(SpaceContract):
    settings = LadderSpace()


class TestHalving(StrategyContract):
    settings = Halving(max_depth=14, max_width=24)


class TestSiblings(BenchmarkContract):
    settings = Siblings()

    def placed(self, member: Siblings, folder: Path) -> Siblings:
        """Its files are written into the folder of the test."""
        return member.model_copy(update={"root": write_siblings(folder / "siblings")})


class TestPacked(FormatContract):
    settings = PackedFormat(level=1)


class TestArrays(ReaderContract):
    settings = ArrayFaces(root="")

    def placed(self, member: ArrayFaces, folder: Path) -> ArrayFaces:
        return member.model_copy(update={"root": str(write_arrays(folder / "faces.npz"))})


def write_siblings(folder: Path) -> Path:
    """Two photographs each of twelve people of the ORL set."""
    faces = OrlFaces().open(112)
    for side, number in (("left", 0), ("right", 1)):
        (folder / side).mkdir(parents=True, exist_ok=True)
        for person in range(12):
            Image.fromarray(faces.image(10 * person + number)).save(folder / side / f"{person:02}.png")
    return folder


def write_arrays(file: Path) -> Path:
    """Five photographs each of ten people."""
    faces = OrlFaces().open(32)
    rows = [10 * person + number for person in range(10) for number in range(5)]
    people = [faces.names[faces.identities[row]] for row in rows]
    np.savez(file, images=np.stack([faces.image(row) for row in rows]), people=np.array(people))
    return file


def test_a_hard_negative_weighs_more() -> None:
    """By the formula, in numbers: (1.2) 0.5 + 0.2 above the target 0.6 - 0.35, and 0.1 below it as it is."""
    import torch

    rule = MVSoftmaxHead().rule()
    margin = rule(torch.tensor([0.6]), torch.ones(1))
    hardened = rule.harden(torch.tensor([[0.6, 0.5, 0.1]]), margin.bar.unsqueeze(1))
    assert hardened[0, 1:].tolist() == pytest.approx([0.8, 0.1]) and margin.target.item() == pytest.approx(0.25)
