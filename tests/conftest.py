"""Shared by all tests: one thread where two would fight, and the real photographs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

torch.set_num_threads(2)


class Result(subprocess.CompletedProcess[str]):
    """A finished command."""

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


@pytest.fixture
def facenas(tmp_path: Path) -> Callable[..., Result]:
    """Run the real command in an empty folder; an unexpected exit code fails the test."""

    def run(*arguments: object, code: int = 0) -> Result:
        command = [sys.executable, "-m", "facenas", *map(str, arguments)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"}, check=False)
        assert done.returncode == code, f"exit {done.returncode}: {done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return Result(done.args, done.returncode, done.stdout, done.stderr)

    return run
