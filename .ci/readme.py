"""Prints the README's commands that set facenas up, one a line, as they stand there without their remarks."""

import re
from pathlib import Path

readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
lines = [re.sub(r"\s+#\s.*", "", line) for line in readme.splitlines() if line.startswith("python3 -m venv ")]
if len(lines) != 2:
    raise SystemExit(f"README.md must have the two commands that begin with `python3 -m venv`, found {len(lines)}")
print("\n".join(lines))
