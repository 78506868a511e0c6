"""CI runs the README's commands as they stand there, each in a clone of its own, before it installs anything else."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import EXTRAS

ROOT = Path(__file__).parents[1]


def test_the_commands_are_read_from_the_readme() -> None:
    printed = subprocess.run(
        [sys.executable, ROOT / ".ci" / "readme.py"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.splitlines()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(printed) == 2 and all(command in readme for command in printed)
    assert printed[0].endswith("facenas quickstart") and printed[1].endswith("pytest")


@pytest.mark.skipif(not shutil.which("git") or not shutil.which("bash"), reason="needs git and bash")
@pytest.mark.parametrize("failing", ["", "facenas quickstart", "pytest"])
def test_in_what_order(tmp_path: Path, failing: str) -> None:
    """With a python3 that makes environments of programs which only say that they were called."""
    repository, calls = tmp_path / "repository", tmp_path / "calls"
    (repository / ".ci").mkdir(parents=True)
    for name in (".ci/run", ".ci/readme.py", "README.md"):
        shutil.copy(ROOT / name, repository / name)
    git = ["git", "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "all"]):
        subprocess.run([*git, *command], check=True)
    program = (
        f'#!/bin/bash\necho "$(basename "$0") $*" in $PWD >> {calls}\n[[ -z "{failing}" || "$(basename "$0") $*" != *"{failing}"* ]]\n'
    )
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "program").write_text(program)
    made = (
        f"for one in pip facenas pytest ruff mypy lint-imports zensical; do cp {tmp_path}/bin/program $3/bin/$one; done; chmod +x $3/bin/*"
    )
    (tmp_path / "bin" / "python3").write_text(f'#!/bin/bash\n[ "$1" = -m ] || exec {sys.executable} "$@"\nmkdir -p $3/bin; {made}\n')
    (tmp_path / "bin" / "apt-get").write_text("#!/bin/bash\n")
    for name in ("python3", "apt-get"):
        (tmp_path / "bin" / name).chmod(0o755)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(["bash", repository / ".ci" / "run"], env=os.environ | {"PATH": path}, check=False)
    said = [line.rsplit(" in ", 1) for line in calls.read_text().splitlines()]
    order = ["pip install .[quickstart]", "facenas quickstart", "pip install -e .[test]", "pytest "]
    if failing:
        assert done.returncode != 0 and [call for call, _ in said] == order[: 2 if failing == "facenas quickstart" else 4]
        return
    assert done.returncode == 0
    assert [call for call, _ in said[:4]] == order and all(place != str(repository) for _, place in said[:4])
    assert [call for call, _ in said][6:] == [
        "ruff format --check",
        "ruff check",
        "mypy ",
        "lint-imports ",
        "zensical build --strict",
        "pytest -m (extra or slow) and not gpu",
    ]
    assert all(place == str(repository) for _, place in said[4:])


def test_extras_of_tests_are_extras_of_facenas() -> None:
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert set(EXTRAS) == set(extras) - {"quickstart", "test", "docs", "dev"}
