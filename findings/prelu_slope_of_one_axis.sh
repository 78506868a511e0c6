#!/bin/bash
# Expected: ONNX broadcasts the slope of PRelu from the right, so a slope of shape (8,) on features (1, 8, 8, 8) belongs to the *columns*;
# one value a channel is written (8, 1, 1). Runtimes agree, or refuse.
# Seen: onnxruntime 1.32.0 and onnx' reference give each column its slope; OpenCV 5.0.0.93, OpenVINO 2026.4.1 and MNN 3.6.1 give each
# channel its slope. Where the width differs from the channels, onnxruntime refuses what the others run.
# Why it matters: face networks are the home of PReLU, and converters that copy the training library's tensor write (C,). A parity check
# of one runtime against another is only as good as the width of the features: a network of 56 channels at 56 x 56 differs, one of 64 does
# not load.
# What to do: reshape every slope to (C, 1, 1) before the file is written.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
env=$(mktemp -d)
trap 'rm -rf "$env"' EXIT
python3 -m venv "$env"
"$env/bin/pip" install -q --no-compile numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 openvino==2026.4.1 opencv-python-headless==5.0.0.93 MNN==3.6.1
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here" "$env/bin/python" - <<'EOF'
import numpy as np
from runtimes import RUNTIMES, check, graph

x = np.random.default_rng(0).standard_normal((1, 8, 8, 8)).astype(np.float32)
slope = np.linspace(0.1, 0.8, 8).astype(np.float32)


def run(runtime: str, shape: tuple) -> np.ndarray:
    model = graph([("PRelu", "input s", "output", {})], {"s": slope.reshape(shape)}, [1, 8, 8, 8], [1, 8, 8, 8])
    return RUNTIMES[runtime](model, x)


by_column, by_channel = (np.where(x < 0, x * s, x) for s in (slope, slope.reshape(8, 1, 1)))
for runtime in RUNTIMES:
    got = run(runtime, (8,))
    read = "column" if np.allclose(got, by_column) else "channel" if np.allclose(got, by_channel) else "neither"
    print(f"{runtime}: a slope of shape (8,) is one value for each {read}")
    check(read == ("column" if runtime == "onnxruntime" else "channel"), f"{runtime} reads it by {read} now")
    check(np.allclose(run(runtime, (8, 1, 1)), by_channel), f"{runtime} reads (8, 1, 1) by channel")
EOF
