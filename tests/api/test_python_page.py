"""docs/python.md as a reader runs it, and as it is looked up."""

import re
from pathlib import Path

import pytest

from facenas import api

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_notebook_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(blocks) == 5
    names: dict[str, object] = {}
    told = []
    for number, block in enumerate(blocks):
        exec(compile(block, f"python.md, block {number}", "exec"), names)
        told.append(capfd.readouterr())
    assert "accepted" in told[0].out
    assert "unknown setting recipe.batchsize; did you mean 'batch_size'?" in told[1].out and "did you mean 'arcface'" in told[1].out
    assert "runs/model/eval/orl.json" in told[2].out and re.search(r"least cosine to torch (1.000000|0.99999\d)", told[2].out)
    same, other = (float(line.split()[1]) for line in told[3].out.splitlines())
    assert -1 <= other < same <= 1
    assert [one.err for one in told[:4]] == [""] * 4, "silent unless it is asked to tell"
    assert "runs/search: at most" in told[4].err or "runs/search: dynamic_ranking in the space ir" in told[4].err
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["model", "search"]


def test_every_verb_is_on_the_page() -> None:
    verbs = {name for name in api.__all__ if name[0].islower()} - {"open_model"}
    table = PAGE[PAGE.index("| verb |") :]
    assert verbs == set(re.findall(r"`(\w+)`", " ".join(line.split("|")[1] for line in table.splitlines()[2:])))
