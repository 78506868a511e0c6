"""onnxruntime leaves nothing behind in the user's folders, whatever process of facenas imports it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = """
import {first}
import multiprocessing, sys
import numpy as np
from onnx import TensorProto, helper

def session():
    import onnxruntime
    sides = {{"elem_type": TensorProto.FLOAT, "shape": ["n", 3]}}
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g",
                              [helper.make_tensor_value_info("x", **sides)], [helper.make_tensor_value_info("y", **sides)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    loaded = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    loaded.run(None, {{"x": np.ones((2, 3), np.float32)}})

if __name__ == "__main__":
    session()
    process = multiprocessing.get_context("spawn").Process(target=session)
    process.start()
    process.join()
    sys.exit(process.exitcode)
"""


def left_behind(home: Path, script: str, **told: str) -> list[str]:
    """Files that a run of a script leaves in a fresh home."""
    (home / "script.py").write_text(script)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "ORT_", "HOME", "FACENAS_"))}
    environment = (
        kept | {"HOME": str(home / "home"), "XDG_CACHE_HOME": str(home / "home" / "cache"), "TMPDIR": str(home / "home" / "tmp")} | told
    )
    (home / "home" / "tmp").mkdir(parents=True)
    subprocess.run([sys.executable, "-B", home / "script.py"], cwd=home, env=environment, check=True, timeout=300)
    return sorted(str(file.relative_to(home / "home")) for file in (home / "home").rglob("*") if file.is_file())


@pytest.mark.parametrize("first", ["facenas", "facenas.cli"])
def test_onnxruntime_writes_nothing(first: str, tmp_path: Path) -> None:
    assert left_behind(tmp_path, RUN.format(first=first)) == []


def test_what_the_user_has_set_stays(tmp_path: Path) -> None:
    shown = f"import facenas, os, pathlib; pathlib.Path({str(tmp_path / 'shown')!r}).write_text(os.environ['ORT_DISABLE_TELEMETRY'])"
    for told, wanted in (({}, "1"), ({"ORT_DISABLE_TELEMETRY": "0"}, "0")):
        (tmp_path / wanted).mkdir()
        left_behind(tmp_path / wanted, shown, **told)
        assert (tmp_path / "shown").read_text() == wanted
