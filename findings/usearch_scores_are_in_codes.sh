#!/bin/bash
# Expected: an index of float32 vectors keeps float32; with a smaller type the distances stay in the metric's own unit.
# Seen (usearch 2.26.6): Index(ndim=...) stores bfloat16 unless told otherwise. With dtype="i8" each vector is scaled to length 127
# whatever its norm, and l2sq and ip are given in those codes: 1 - ip of a face with itself is about -16,000, and squared distances of
# unit vectors reach tens of thousands where 4 is the largest possible. Only cos keeps its unit.
# Why it matters: a threshold for verification, set on float vectors, says "nobody is anybody" or "all are one" once the gallery is
# compressed; and inner products no longer see the norm, which carries quality.
# What to do: metric="cos", dtype="f32" to begin with; calibrate thresholds on the compressed index.
set -euo pipefail
env=$(mktemp -d)
trap 'rm -rf "$env"' EXIT
python3 -m venv "$env"
"$env/bin/pip" install -q --no-compile usearch==2.26.6 numpy==2.4.6
"$env/bin/python" - <<'EOF'
import sys

import numpy as np
from usearch.index import Index

def check(holds: bool, sentence: str) -> None:
    if not holds:
        sys.exit(f"changed: {sentence}")


faces = np.random.default_rng(0).standard_normal((100, 32)).astype(np.float32)
unit = faces / np.linalg.norm(faces, axis=1, keepdims=True)


def nearest(metric: str, dtype: str, vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    index = Index(ndim=32, metric=metric, dtype=dtype)
    index.add(np.arange(len(vectors)), vectors)
    return index.search(query, 2).distances


print("type by default:", Index(ndim=32).dtype)
check("BF16" in str(Index(ndim=32).dtype).upper(), "float32 is the type by default")
for metric in ("cos", "l2sq", "ip"):
    exact, coded = (nearest(metric, dtype, unit, unit[0]) for dtype in ("f32", "i8"))
    print(f"{metric}: f32 {exact.round(3)}, i8 {coded.round(3)}")
    check(np.allclose(exact, coded, atol=0.05) == (metric == "cos"), f"{metric} of i8 is in the metric's unit")
once, fivefold = (nearest("ip", "i8", unit * norm, unit[0])[0] for norm in (1, 5))
print(f"ip of i8 with vectors five times as long: {once:.0f} and {fivefold:.0f}")
check(abs(once - fivefold) < 0.01 * abs(once), "i8 keeps the norm")
EOF
