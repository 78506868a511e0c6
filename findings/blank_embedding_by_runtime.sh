#!/bin/bash
# Expected: a zero vector divided by its length is NaN everywhere, or 0 everywhere.
# Seen: LpNormalization gives 0 in onnxruntime 1.32.0, OpenCV 5.0.0.93 and OpenVINO 2026.4.1, and NaN in MNN 3.6.1; ReduceL2 with Div
# gives NaN in onnxruntime, OpenVINO and MNN, and 0 in OpenCV, which takes the pair for its own layer.
# Why it matters: "refuse a face whose embedding is not finite" is a check that works in one runtime and lets blank input through in
# another, where its score is 0.0 against everybody and so passes as a calm "not the same person".
# What to do: test for a length above zero, not for NaN.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
env=$(mktemp -d)
trap 'rm -rf "$env"' EXIT
python3 -m venv "$env"
"$env/bin/pip" install -q --no-compile numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 openvino==2026.4.1 opencv-python-headless==5.0.0.93 MNN==3.6.1
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here" "$env/bin/python" - <<'EOF'
import numpy as np
from runtimes import RUNTIMES, check, graph

blank = np.zeros((1, 8), np.float32)
length = ("ReduceL2", "input", "n", {"axes": [1], "keepdims": 1})
forms = {"LpNormalization": [("LpNormalization", "input", "output", {"axis": 1})], "Div": [length, ("Div", "input n", "output", {})]}
for form, nodes in forms.items():
    model = graph(nodes, {}, [1, 8], [1, 8])
    seen = {runtime: "NaN" if np.isnan(run(model, blank)).all() else "0" for runtime, run in RUNTIMES.items()}
    print(form, seen)
    other = "MNN" if form == "LpNormalization" else "OpenCV"
    usual, odd = ("0", "NaN") if form == "LpNormalization" else ("NaN", "0")
    check(all(value == (odd if name == other else usual) for name, value in seen.items()), f"{form} gives {seen} now")
EOF
