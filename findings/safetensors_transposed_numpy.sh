#!/bin/bash
# Expected: save_file of a NumPy array writes the array that was given; PyTorch tensors that are not contiguous are refused by the same
# library, so an array that is a view is either copied or refused.
# Seen (safetensors 0.8.0, NumPy 2.4.6): the bytes of the underlying buffer are written under the view's shape, without a word. A Keras
# kernel (height, width, in, out) that was transposed to PyTorch's (out, in, height, width) comes back with the right shape and the wrong
# numbers; flipped, strided and Fortran-ordered arrays do, too.
# Why it matters: this is the line by which weights of GhostFaceNets and other Keras or MXNet face networks are converted. The file loads
# strictly, and the network's embeddings are noise.
# What to do: numpy.ascontiguousarray before saving.
set -euo pipefail
env=$(mktemp -d)
trap 'rm -rf "$env"' EXIT
python3 -m venv "$env"
"$env/bin/pip" install -q --no-compile numpy==2.4.6 safetensors==0.8.0
"$env/bin/python" - <<'EOF'
import sys

import numpy as np
from safetensors.numpy import load, save

def check(holds: bool, sentence: str) -> None:
    if not holds:
        sys.exit(f"changed: {sentence}")


kernel = np.random.default_rng(0).standard_normal((3, 3, 4, 8)).astype(np.float32)
views = {"transposed": kernel.transpose(3, 2, 0, 1), "flipped": kernel[:, ::-1], "Fortran": np.asfortranarray(kernel)}
for name, view in views.items():
    back = load(save({"w": view}))["w"]
    share = float((back == view).mean())
    print(f"{name}: shape kept {back.shape == view.shape}, numbers kept {100 * share:.0f} %")
    check(back.shape == view.shape and share < 0.5, f"a {name} array is saved as it is, or refused")
copied = load(save({"w": np.ascontiguousarray(views["transposed"])}))["w"]
check(np.array_equal(copied, views["transposed"]), "a contiguous copy survives")
print("a contiguous copy survives")
EOF
