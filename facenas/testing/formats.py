"""What every format promises."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from facenas.backbones import Blueprint, IRSpace
from facenas.data import InputContract, SyntheticFaces
from facenas.export.format import FormatSection
from facenas.export.network import Exported, export_network
from facenas.testing.members import check_settings, each

SIDE, DIMENSION = 32, 16
CONTRACT = InputContract(size=SIDE, color="bgr", mean=(120.0, 110.0, 100.0), std=(60.0, 50.0, 70.0))
PLACES = re.compile(rb"site-packages|[/\\]facenas[/\\]|eval_with_key")


class Made(NamedTuple):
    """A file that was exported in the format.

    Attributes:
        file: The file, alone in its folder.
        done: What the export says of the file.
    """

    file: Path
    done: Exported


class FormatContract:
    """Tests of a format; a subclass whose name begins with Test names the settings, and pytest does the rest.

        class TestMine(facenas.testing.FormatContract):
            settings = Mine()

    Attributes:
        settings: Settings of the format, or several.
    """

    settings: FormatSection | Sequence[FormatSection]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each test that takes `member` with each of the settings."""
        each(metafunc, "member", self.settings)

    def test_its_settings_have_a_name_and_survive_json(self, member: FormatSection) -> None:
        """The format can be chosen by `--format`, and the names of its files end in a suffix."""
        check_settings(member)
        assert re.fullmatch(r"[-.][\w.-]+", member.suffix)

    @pytest.mark.parametrize("raw", [False, True])
    def test_one_file_that_computes_the_same_for_any_batch(self, member: FormatSection, raw: bool) -> None:
        """An export is one file, which gives the same embeddings for a batch of any size.

        Args:
            member: Settings of the format.
            raw: Whether the input contract is baked in, so that the file takes images of 0 to 255.
        """
        made = exported(member, raw=raw)
        assert [file.name for file in made.file.parent.iterdir()] == [made.file.name]
        assert made.done.parity.min_cosine >= member.least_cosine and made.done.opset == member.opset
        run, images = member.open(made.file), faces().astype(np.float32).transpose(0, 3, 1, 2)
        inputs = np.ascontiguousarray(images) if raw else CONTRACT.prepare(torch.from_numpy(images)).numpy()
        whole = run(inputs)
        assert whole.shape == (len(images), DIMENSION) and whole.dtype == np.float32
        assert np.allclose(whole[:1], run(inputs[:1]), atol=1e-3 * abs(whole).max())

    def test_two_exports_are_equal_byte_for_byte_and_name_no_place(self, member: FormatSection) -> None:
        """Two exports of a network are the same file, which can be known by its checksum, and no folder of this machine stands in it."""
        content = exported(member).file.read_bytes()
        assert content == exported.__wrapped__(member).file.read_bytes()
        assert not PLACES.search(content)


@cache
def exported(member: FormatSection, raw: bool = False) -> Made:
    """A small face network, exported in a format; each is exported once.

    Args:
        member: Settings of the format.
        raw: Whether the input contract is baked in, so that the file takes images of 0 to 255.
    """
    file = Path(mkdtemp(dir=_folder().name)) / f"m{member.suffix}"
    metadata = lambda contract: {"facenas": contract.model_dump_json()}  # noqa: E731
    return Made(file, export_network(network(), file, kind=member, contract=CONTRACT, raw=raw, images=faces(), metadata=metadata))


@cache
def faces() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Drawn faces (16, 32, 32, 3), uint8."""
    return SyntheticFaces(people=4, photographs=4, test_people=0).load(SIDE).images


@cache
def network() -> nn.Module:
    """A small face network of random weights, with BatchNorm statistics of the drawn faces."""
    torch.manual_seed(0)
    space = IRSpace(embedding_size=DIMENSION, input_size=SIDE, output="gdc", dropout=0.0)
    built = Blueprint(architecture=space.start(depth=10, width=8), space=space).build()
    with torch.no_grad():
        built.train()(CONTRACT.prepare(torch.from_numpy(faces()).permute(0, 3, 1, 2)))
    return built.eval()


@cache
def _folder() -> "TemporaryDirectory[str]":
    """The folder of all exports, which is removed when the tests end."""
    return TemporaryDirectory()
