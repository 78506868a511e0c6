#!/bin/bash
# Expected: cv2.FaceRecognizerSF.match(a, b) compares two embeddings and leaves them alone. With more than one row it refuses, or gives
# one score for each row.
# Seen (opencv-python-headless 5.0.0.93): match divides the caller's own float32 arrays by their norm, in place. And a gallery of several
# rows is taken for one long vector: one number comes back, the rows' norms are spoilt, and nothing is said.
# Why it matters: with AdaFace and MagFace the norm is the quality of the picture; after the first comparison it is 1 for everybody. A
# gallery kept as rows of one array changes while it is searched.
# What to do: pass copies (a.copy()), one row at a time, or compute the dot product oneself.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
env=$(mktemp -d)
trap 'rm -rf "$env"' EXIT
python3 -m venv "$env"
"$env/bin/pip" install -q --no-compile numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 opencv-python-headless==5.0.0.93
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here" "$env/bin/python" - <<'EOF'
import sys
import tempfile

import cv2
import numpy as np
from runtimes import check, graph

generator = np.random.default_rng(0)
weights = generator.standard_normal((16, 3, 112, 112)).astype(np.float32) * 1e-4
layers = [("Conv", "input w", "c", {"kernel_shape": [112, 112]}), ("Flatten", "c", "output", {})]
with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
    file.write(graph(layers, {"w": weights}, [1, 3, 112, 112], [1, 16]))
    file.flush()
    recogniser = cv2.FaceRecognizerSF.create(file.name, "")
one, other = (recogniser.feature(generator.integers(0, 256, (112, 112, 3), dtype=np.uint8)) for _ in range(2))
before = np.linalg.norm(one), np.linalg.norm(other)
recogniser.match(one, other, cv2.FaceRecognizerSF_FR_COSINE)
after = np.linalg.norm(one), np.linalg.norm(other)
print(f"norms before a comparison {before[0]:.2f} {before[1]:.2f}, after it {after[0]:.2f} {after[1]:.2f}")
check(min(before) > 2 and np.allclose(after, 1, atol=1e-5), "match leaves the embeddings alone")
gallery = generator.standard_normal((3, 16)).astype(np.float32)
score = recogniser.match(gallery, gallery.copy(), cv2.FaceRecognizerSF_FR_COSINE)
norms = np.linalg.norm(gallery, axis=1)
print(f"three rows against three rows: {score:.3f}, norms of the rows afterwards {norms.round(2)}")
check(np.isscalar(score) and abs((norms**2).sum() - 1) < 1e-4, "rows are compared one by one or refused")
EOF
