"""The metrics can be had alone: they load NumPy and SciPy, and neither torch nor what reads pictures."""

import json
import subprocess
import sys

import pytest

LOOK = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.mark.parametrize("module", ["facenas.eval.metrics", "facenas.eval.scores", "facenas.eval.resolution"])
def test_metrics_load_numpy_and_scipy_alone(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}\n{LOOK}", module], capture_output=True, check=True
    )
    others = set(json.loads(done.stdout)) - set(sys.stdlib_module_names) - {"__main__"}
    assert others <= {"facenas", "numpy", "scipy"}
    assert "facenas" in others
