#!/bin/bash
# Expected: Resize with antialias=1 (ONNX opset 18 and later) smooths before it takes fewer pixels, as Pillow and torchvision do; a
# runtime that cannot refuses the graph.
# Seen: onnxruntime 1.32.0 does it; OpenCV 5.0.0.93, OpenVINO 2026.4.1 and MNN 3.6.1 load the graph, ignore the attribute and take every
# n-th neighbourhood. On stripes of one pixel the right answer is even grey; they give the stripes' own black or white.
# Why it matters: "take any photograph, shrink it to 112 x 112 inside the model" is a common wish. The file passes its test in onnxruntime
# and gives other embeddings in the field, most so for sharp, large photographs.
# What to do: resize outside of the graph, or with AveragePool where the factor is whole.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
env=$(mktemp -d)
trap 'rm -rf "$env"' EXIT
python3 -m venv "$env"
"$env/bin/pip" install -q --no-compile numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 openvino==2026.4.1 opencv-python-headless==5.0.0.93 MNN==3.6.1
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here" "$env/bin/python" - <<'EOF'
import numpy as np
from runtimes import RUNTIMES, check, graph

stripes = np.zeros((1, 1, 48, 48), np.float32)
stripes[..., ::2] = 255.0
sizes = {"none": np.array([], np.float32), "sizes": np.array([1, 1, 16, 16], np.int64)}
attributes = {"mode": "linear", "antialias": 1}
model = graph([("Resize", "input none none sizes", "output", attributes)], sizes, [1, 1, 48, 48], [1, 1, 16, 16], opset=19)
for runtime, run in RUNTIMES.items():
    shrunk = run(model, stripes)[0, 0, 4:12, 4:12]
    print(f"{runtime}: grey levels from {shrunk.min():.0f} to {shrunk.max():.0f}")
    smooth = shrunk.max() - shrunk.min() < 60
    check(smooth == (runtime == "onnxruntime"), f"{runtime} treats antialias otherwise now")
EOF
