"""Files that are whole or absent, also where their writer was killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from facenas.files import replacing, write_text

KILLED = """
import os, signal, sys
from pathlib import Path
from facenas.files import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "train.rec")], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1
    write_text(tmp_path / "train.rec", "whole")
    assert [file.name for file in tmp_path.iterdir()] == ["train.rec"]


def test_what_others_are_writing_is_left_alone(tmp_path: Path) -> None:
    with replacing(tmp_path / "mine") as temporary:
        temporary.write_text("mine")
        own = temporary.name
    for name in (own.replace(f".{os.getpid()}", f".{os.getppid()}"), ".of-another-machine.00000000.999999", ".hidden"):
        (tmp_path / name).write_text("kept")
    subprocess.run([sys.executable, "-c", "from facenas.files import *; write_text(Path('a'), '')"], cwd=tmp_path, check=True)
    assert len(list(tmp_path.iterdir())) == 5


def test_nothing_is_left_on_failure(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"), replacing(tmp_path / "a") as temporary:
        temporary.write_text("half")
        raise ValueError("no")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_named_as_it_is_to_be_called(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 250)  # with what a temporary name adds it is too long
    with pytest.raises(OSError) as raised:
        write_text(path, "text")
    assert raised.value.filename == str(path)
