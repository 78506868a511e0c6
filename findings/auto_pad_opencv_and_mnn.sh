#!/bin/bash
# Expected: a convolution 3 x 3 of stride 2 on an even side pads one row and column: at the end with auto_pad=SAME_UPPER (as TensorFlow
# does), at the beginning with SAME_LOWER. The operator is as old as ONNX.
# Seen: OpenCV 5.0.0.93 reads SAME_UPPER as SAME_LOWER; MNN 3.6.1 reads SAME_LOWER as SAME_UPPER. Each is right about the other one.
# onnxruntime 1.32.0 and OpenVINO 2026.4.1 are right about both. Shapes are the same, so nothing fails: every stride moves the features by
# a pixel.
# Why it matters: Keras' "same" padding is what GhostFaceNets and other TensorFlow face networks are made of; an ONNX file that keeps it
# as auto_pad gives other embeddings in OpenCV, without a word.
# What to do: write explicit pads, [0, 0, 1, 1] or [1, 1, 0, 0], which all four read alike (checked below).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
env=$(mktemp -d)
trap 'rm -rf "$env"' EXIT
python3 -m venv "$env"
"$env/bin/pip" install -q --no-compile numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 openvino==2026.4.1 opencv-python-headless==5.0.0.93 MNN==3.6.1
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here" "$env/bin/python" - <<'EOF'
import numpy as np
from runtimes import RUNTIMES, check, graph

generator = np.random.default_rng(0)
weights = generator.standard_normal((4, 4, 3, 3)).astype(np.float32)
x = generator.standard_normal((1, 4, 8, 8)).astype(np.float32)


def same(runtime: str, **padding: object) -> bool:
    attributes = {"kernel_shape": [3, 3], "strides": [2, 2], **padding}
    model = graph([("Conv", "input w", "output", attributes)], {"w": weights}, [1, 4, 8, 8], [1, 4, 4, 4])
    return bool(np.allclose(RUNTIMES[runtime](model, x), RUNTIMES["onnxruntime"](model, x), atol=1e-4))


for runtime in RUNTIMES:
    upper, lower = same(runtime, auto_pad="SAME_UPPER"), same(runtime, auto_pad="SAME_LOWER")
    print(f"{runtime}: SAME_UPPER {'right' if upper else 'WRONG'}, SAME_LOWER {'right' if lower else 'WRONG'}")
    check((upper, lower) == (runtime != "OpenCV", runtime != "MNN"), f"{runtime} reads auto_pad otherwise now")
    check(same(runtime, pads=[0, 0, 1, 1]) and same(runtime, pads=[1, 1, 0, 0]), f"{runtime} reads explicit pads")
EOF
