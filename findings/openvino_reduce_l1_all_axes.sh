#!/bin/bash
# Expected: ReduceL1, ReduceLogSum and ReduceLogSumExp with the attribute axes=[1] reduce over axis 1; in ONNX they took their axes as an
# attribute up to opset 17.
# Seen (OpenVINO 2026.4.1): in opsets 13 to 17 the attribute of these three is ignored and *all* axes are reduced, with another shape and
# no error. In opset 12 they are right, and so are ReduceL2, ReduceMean, ReduceMax and the others in every opset.
# Why it matters: 17 is the opset that exporters wrote by default for long. Attention pooling, energy scores for "who is unknown?" (a
# log-sum-exp of logits) and L1 norms then mix the people of a batch with each other; with one picture at a time it can look right.
# What to do: export in opset 18 or later.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
env=$(mktemp -d)
trap 'rm -rf "$env"' EXIT
python3 -m venv "$env"
"$env/bin/pip" install -q --no-compile numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 openvino==2026.4.1
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here" "$env/bin/python" - <<'EOF'
import numpy as np
from runtimes import check, graph, onnxruntime, openvino

x = np.random.default_rng(0).uniform(0.1, 1, (2, 5)).astype(np.float32)


def right(kind: str, opset: int) -> bool:
    model = graph([(kind, "input", "output", {"axes": [1], "keepdims": 1})], {}, [2, 5], [2, 1], opset)
    wanted, got = onnxruntime(model, x), openvino(model, x)
    return wanted.shape == got.shape and np.allclose(wanted, got, atol=1e-5)


for kind in ("ReduceL1", "ReduceLogSum", "ReduceLogSumExp", "ReduceL2", "ReduceMean", "ReduceMax"):
    found = {opset: right(kind, opset) for opset in (12, 13, 17)}
    print(kind, {opset: "right" if ok else "all axes reduced" for opset, ok in found.items()})
    ignored = kind in ("ReduceL1", "ReduceLogSum", "ReduceLogSumExp")
    check(found == {12: True, 13: not ignored, 17: not ignored}, f"{kind} is read otherwise now")
EOF
