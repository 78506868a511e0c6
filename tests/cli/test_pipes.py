"""Output into a pipe that nobody reads: nothing is said, and the exit code is a shell tool's."""

import os
import subprocess
import sys

import pytest


def run_unread(*arguments: str, stderr: int | None = subprocess.PIPE) -> tuple[int, bytes]:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", "from facenas.cli import main; main()", *arguments]
    done = subprocess.run(command, stdout=writing, stderr=writing if stderr is None else stderr, timeout=120)
    os.close(writing)
    return done.returncode, done.stderr or b""


@pytest.mark.parametrize("arguments", [["models"], ["models", "--json"], ["--help"]], ids=" ".join)
def test_a_reader_that_has_gone_ends_the_command_in_silence(arguments: list[str]) -> None:
    assert run_unread(*arguments) == (141, b"")


def test_a_mistake_is_still_told_and_still_exit_code_1() -> None:
    code, said = run_unread("journal", "nowhere")
    assert code == 1
    assert said.startswith(b"facenas: no journal in nowhere")
