#!/bin/bash
# Expected: adding a constant of shape (8,) to features (1, 8, 8, 8) adds one number to each column, as ONNX and NumPy broadcast.
# Seen (MNN 3.6.1): after a convolution the addition is folded into the convolution's bias, and the numbers go to the channels instead,
# also for a constant of shape (1, 1, 1, 8) and for rows, (8, 1). Without the convolution before it, or as a subtraction, the same is
# right.
# Why it matters: positional terms along one axis are added so in networks with attention. Where the width happens to equal the number of
# channels the converter takes them for a bias; shape and range stay plausible, so only a comparison of numbers shows it.
# What to do: write the constant in full, (1, 8, 8), or subtract its negative; compare the outputs after conversion.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
env=$(mktemp -d)
trap 'rm -rf "$env"' EXIT
python3 -m venv "$env"
"$env/bin/pip" install -q --no-compile numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 MNN==3.6.1
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here" "$env/bin/python" - <<'EOF'
import numpy as np
from runtimes import check, graph, mnn, onnxruntime

generator = np.random.default_rng(0)
x = generator.standard_normal((1, 8, 8, 8)).astype(np.float32)
weights = generator.standard_normal((8, 8, 1, 1)).astype(np.float32)
columns = np.arange(8, dtype=np.float32)
conv = ("Conv", "input w", "c", {"kernel_shape": [1, 1]})


def compared(operator: str, constant: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    nodes = [conv, (operator, "c s", "output", {})]
    model = graph(nodes, {"w": weights, "s": constant}, [1, 8, 8, 8], [1, 8, 8, 8])
    return onnxruntime(model, x), mnn(model, x)


for shape in ((8,), (1, 1, 1, 8), (8, 1)):
    right, got = compared("Add", columns.reshape(shape))
    by_channel = right - columns.reshape(shape) + columns.reshape(8, 1, 1)
    off, folded = np.abs(got - right).max(), np.abs(got - by_channel).max()
    print(f"constant of shape {shape}: {off:.2f} off, {folded:.0e} off the sum over channels")
    check(off > 1 and folded < 1e-3, f"a constant of shape {shape} is added where it belongs")
check(np.allclose(*compared("Add", np.broadcast_to(columns, (1, 8, 8)).copy()), atol=1e-3), "written in full it is right")
check(np.allclose(*compared("Sub", -columns), atol=1e-3), "as a subtraction it is right")
print("written in full, or as a subtraction: right")
EOF
