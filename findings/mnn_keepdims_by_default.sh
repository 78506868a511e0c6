#!/bin/bash
# Expected: ReduceL2 without the attribute keepdims keeps the reduced axis, since ONNX' default is 1.
# Seen (MNN 3.6.1): the axis is dropped. x / ReduceL2(x) of a batch then divides column j by the length of row j: with as many rows as
# columns it runs, and only the diagonal is right.
# Why it matters: exporters write keepdims, but tools that simplify or write graphs by hand may leave defaults out, as ONNX allows. A
# normalised embedding, a squeeze-and-excitation mean or an attention sum changes its shape.
# What to do: write keepdims=1 into every Reduce node before conversion.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
env=$(mktemp -d)
trap 'rm -rf "$env"' EXIT
python3 -m venv "$env"
"$env/bin/pip" install -q --no-compile numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 MNN==3.6.1
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here" "$env/bin/python" - <<'EOF'
import numpy as np
from runtimes import check, graph, mnn, onnxruntime

x = np.random.default_rng(0).standard_normal((4, 4)).astype(np.float32)


def lengths(**keep: int) -> tuple[np.ndarray, np.ndarray]:
    nodes = [("ReduceL2", "input", "n", {"axes": [1], **keep}), ("Div", "input n", "output", {})]
    model = graph(nodes, {}, [4, 4], [4, 4])
    return tuple(np.linalg.norm(run(model, x), axis=1).round(3) for run in (onnxruntime, mnn))


right, got = lengths()
print("lengths of the rows by onnxruntime", right, "by MNN", got)
check(np.allclose(right, 1, atol=1e-3) and not np.allclose(got, 1, atol=0.05), "the default of keepdims is read as 1")
check(np.allclose(lengths(keepdims=1)[1], 1, atol=1e-3), "keepdims=1, written, is read")
EOF
