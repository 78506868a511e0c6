"""Members of other packages: found by their entry points, named when they are broken, never in the way of ours."""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from facenas.errors import SettingsError
from facenas.heads import HeadSection
from facenas.registry import Registry

HEAD = """
from typing import Literal
from facenas.heads import HeadSection
from facenas.heads.softmax import SoftmaxRule

class Theirs(HeadSection):
    name: Literal["theirs"] = "theirs"
    def rule(self):
        return SoftmaxRule()

class Again(Theirs):
    name: Literal["arcface"] = "arcface"

nothing = 3
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package with a head, one whose name is taken, one that is none, and one that cannot be imported."""
    (tmp_path / "theirs.py").write_text(HEAD)
    (tmp_path / "theirs_broken.py").write_text("import a_package_that_is_not_there")
    about = tmp_path / "theirs-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    lines = ("a = theirs:Theirs", "b = theirs:Again", "c = theirs:nothing", "d = theirs_broken:Any")
    (about / "entry_points.txt").write_text("\n".join(("[facenas.heads]", *lines)))
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("theirs", None)


@pytest.mark.usefixtures("installed")
def test_members_of_others(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "facenas"):
        registry = Registry("facenas.heads", "facenas.heads", HeadSection)
        assert registry.get("theirs").__name__ == "Theirs"
        assert registry.get("arcface").__name__ == "ArcFaceHead"
    assert [record.getMessage() for record in caplog.records] == [
        "facenas.heads: there is a 'arcface' already; facenas.heads 'b' of theirs is left out",
        "facenas.heads 'c' of theirs is left out: it must be a HeadSection whose `name` is a Literal with its default",
        "facenas.heads 'd' of theirs cannot be loaded and is left out: ModuleNotFoundError: No module named 'a_package_that_is_not_there'",
    ]


def test_an_unknown_member_names_the_nearest() -> None:
    with pytest.raises(SettingsError, match="unknown head 'arcfac'; did you mean 'arcface'"):
        Registry("facenas.heads", "facenas.heads", HeadSection).get("arcfac")
