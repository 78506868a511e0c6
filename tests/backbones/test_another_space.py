"""A space of another package: one file and an entry point, and every command knows it; removed again, its runs say what is missing."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from facenas.search import read_journal

SPACE = Path(__file__).with_name("another_space.py")
SUITE = """
from facenas.testing import SpaceContract
from another_space import LadderSpace

class TestLadder(SpaceContract):
    settings = LadderSpace()
"""
COMMANDS = """
import json, sys
from facenas import cli
print(json.dumps([cli.run(command.split()) for command in json.load(sys.stdin)]))
"""
BOUNDS = "--set strategy.min_depth=3 --set strategy.max_depth=3 --set strategy.min_width=8 --set strategy.max_width=8"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package in it, as pip would leave it, and room for runs."""
    here = tmp_path_factory.mktemp("ladder")
    about = here / "site" / "ladder-1.0.dist-info"
    about.mkdir(parents=True)
    shutil.copy(SPACE, here / "site")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ladder\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[facenas.spaces]\nladder = another_space:LadderSpace\n")
    return here


def run(folder: Path, *commands: str, installed: bool = True) -> tuple[list[int], str]:
    """Exit codes of commands, one after the other in a process of their own, and what was printed."""
    environment = os.environ | {"PYTHONPATH": str(folder / "site") if installed else "", "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS],
        cwd=folder,
        env=environment,
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    *printed, codes = done.stdout.splitlines()
    return json.loads(codes), " ".join("\n".join([*printed, done.stderr]).split())


def test_it_is_searched_drawn_trained_and_listed_and_missed_when_it_is_gone(folder: Path) -> None:
    search, train = f"search --config smoke --set space.name=ladder {BOUNDS} --run found", "train --config smoke --set epochs=1"
    work = [search, "report found", f"{train} --architecture found --run model", f"{train} --architecture ladder-4 --run named", "models"]
    codes, said = run(folder, *work, "search --config smoke --set space.name=laddr")
    assert codes == [0] * len(work) + [1], said
    assert "unknown space 'laddr'; did you mean 'ladder'?" in said
    assert "ladder-4" in said and "A chain of layers at half the image's resolution" in said
    rows = [row.candidate for row in read_journal(folder / "found")]
    micro = [one for one in rows if one.phase == "kernels"]
    assert len(micro) == 3 * 2 and {one.architecture.space for one in rows} == {"ladder"}
    assert "whole 3x3" in (folder / "found" / "report.html").read_text()

    gone = [
        "report found",
        f"{train} --architecture found --run again",
        "eval --model model --benchmark synthetic",
        search.replace("smoke", "found/config.yaml"),
    ]
    codes, said = run(folder, "journal found", "compare found", *gone, installed=False)
    assert codes == [0, 0, 1, 1, 1, 1], said
    assert said.count("unknown space 'ladder'") == 4 and said.count("once that package is installed") == 4
    assert "Traceback" not in said


def test_its_author_tests_it_in_three_lines(folder: Path) -> None:
    (folder / "test_ladder.py").write_text(SUITE)
    environment = os.environ | {"PYTHONPATH": str(folder / "site")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_ladder.py"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert not done.returncode and "13 passed" in done.stdout, done.stdout + done.stderr
