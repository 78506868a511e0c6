#!/bin/bash
# Expected: onnx.reference.ReferenceEvaluator says what an operator means; where a runtime differs from it, the runtime is wrong.
# Seen (onnx 1.23.2): the L1 form of LpNormalization sums the numbers instead of their magnitudes; Softmax of opset 11 works along the
# last axis where the standard of that opset flattens everything from axis 1; onnxruntime 1.32.0 equals the formula in both cases. (For
# the old Softmax, OpenVINO, OpenCV and MNN differ from the standard, too, and not all in the same way.)
# Why it matters: exporters' tests and new runtimes are checked against this class. Older face detectors and quality networks were written
# in opset 11 and before.
# What to do: check against the formula in NumPy for what is used, and upgrade old files with onnx.version_converter.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
env=$(mktemp -d)
trap 'rm -rf "$env"' EXIT
python3 -m venv "$env"
"$env/bin/pip" install -q --no-compile numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here" "$env/bin/python" - <<'EOF'
import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator
from runtimes import check, graph, onnxruntime

x = np.random.default_rng(0).standard_normal((2, 3, 4, 4)).astype(np.float32)


def compared(kind: str, opset: int, formula: np.ndarray, **attributes: int) -> None:
    model = graph([(kind, "input", "output", attributes)], {}, [2, 3, 4, 4], [2, 3, 4, 4], opset)
    reference = ReferenceEvaluator(onnx.load_from_string(model)).run(None, {"input": x})[0]
    off, runtime = np.abs(reference - formula).max(), np.abs(onnxruntime(model, x) - formula).max()
    print(f"{kind}, opset {opset}: the reference is {off:.3f} off the formula, onnxruntime {runtime:.1e}")
    check(off > 0.01 and runtime < 1e-5, f"the reference's {kind} of opset {opset} is right")


compared("LpNormalization", 17, x / np.abs(x).sum(axis=1, keepdims=True), axis=1, p=1)
powers = np.exp(x)
compared("Softmax", 11, powers / powers.sum(axis=(1, 2, 3), keepdims=True))
EOF
