#!/bin/bash
# Expected: an embedding that is brought to length 1 inside the graph has length 1 in every runtime, however short it was.
# Seen: LpNormalization of vectors of length 1e-4 gives 1.000 in onnxruntime 1.32.0 and MNN 3.6.1, 0.995 in OpenCV 5.0.0.93 and 0.278 in
# OpenVINO 2026.4.1: both add a constant of their own. At a length of 1e-3 OpenVINO still gives 0.945. Written as ReduceL2 and Div,
# OpenVINO is right and OpenCV is not; with a Clip of the length between them, all four are.
# Why it matters: a network without a last BatchNorm, or one whose embedding is a mean over many small numbers, has short embeddings; a
# dot product taken for a cosine is then too small by the square of this, and thresholds move.
# What to do: ReduceL2, Clip(min=1e-12), Div (torch.nn.functional.normalize exports that); or normalise outside.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
env=$(mktemp -d)
trap 'rm -rf "$env"' EXIT
python3 -m venv "$env"
"$env/bin/pip" install -q --no-compile numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 openvino==2026.4.1 opencv-python-headless==5.0.0.93 MNN==3.6.1
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here" "$env/bin/python" - <<'EOF'
import numpy as np
from runtimes import RUNTIMES, check, graph

direction = np.random.default_rng(0).standard_normal((1, 8)).astype(np.float32)
faint = direction / np.linalg.norm(direction) * np.float32(1e-4)
length = ("ReduceL2", "input", "n", {"axes": [1], "keepdims": 1})
forms = {
    "LpNormalization": ([("LpNormalization", "input", "output", {"axis": 1})], {}),
    "Div": ([length, ("Div", "input n", "output", {})], {}),
    "Clip and Div": ([length, ("Clip", "n low", "m", {}), ("Div", "input m", "output", {})], {"low": np.float32(1e-12)}),
}
wrong = {("LpNormalization", "OpenCV"): 0.995, ("LpNormalization", "OpenVINO"): 0.278, ("Div", "OpenCV"): 0.995}
for form, (nodes, constants) in forms.items():
    model = graph(nodes, constants, [1, 8], [1, 8])
    for runtime, run in RUNTIMES.items():
        got = float(np.linalg.norm(run(model, faint)))
        print(f"{form} in {runtime}: length {got:.3f}")
        check(abs(got - wrong.get((form, runtime), 1.0)) < 2e-3, f"{form} in {runtime} gives {got:.4f} now")
EOF
