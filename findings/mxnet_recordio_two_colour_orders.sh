#!/bin/bash
# Expected: a picture that pack_img wrote has one order of colours, whichever function of MXNet reads it; a label given as [9] comes back
# as it came with 9, and a grey picture keeps its channels.
# Seen (mxnet 1.9.1, NumPy 1.23.5): recordio.unpack_img gives what pack_img was given, mx.image.imdecode the reverse: pack_img hands the
# array to OpenCV, so an RGB array from Pillow is stored with red and blue exchanged, and only a round trip through unpack_img looks
# right. A label [9] comes back as an array and sets the header's flag to 1. A grey picture has two axes in one reader and three channels
# in the other.
# Why it matters: training sets of insightface's form are read by mx.image.imdecode (or a JPEG decoder), so a set that was packed from
# Pillow trains a network on blue faces; its own check by unpack_img sees nothing.
# What to do: reverse the last axis before pack_img, or pack the file's bytes with recordio.pack.
set -euo pipefail
env=$(mktemp -d)
trap 'rm -rf "$env"' EXIT
python3 -m venv "$env"
"$env/bin/pip" install -q --no-compile mxnet==1.9.1 numpy==1.23.5 opencv-python-headless==4.10.0.84
"$env/bin/python" - <<'EOF'
import sys
import warnings

warnings.filterwarnings("ignore")
import mxnet as mx
import numpy as np
from mxnet import recordio

def check(holds: bool, sentence: str) -> None:
    if not holds:
        sys.exit(f"changed: {sentence}")


reddish = np.zeros((16, 16, 3), np.uint8)
reddish[...] = (200, 100, 0)
record = recordio.pack_img(recordio.IRHeader(0, 3.0, 1, 0), reddish, quality=9, img_fmt=".png")
own, other = recordio.unpack_img(record)[1], mx.image.imdecode(recordio.unpack(record)[1]).asnumpy()
print("packed", reddish[0, 0], "unpack_img", own[0, 0], "mx.image.imdecode", other[0, 0])
check((own == reddish).all() and (other == reddish[..., ::-1]).all(), "both readers give one order of colours")
number, listed = (recordio.unpack(recordio.pack(recordio.IRHeader(0, label, 1, 0), b"x"))[0] for label in (9, [9]))
print("label 9:", number, "label [9]:", listed)
check((number.flag, listed.flag) == (0, 1) and np.ndim(number.label) == 0 and np.ndim(listed.label) == 1, "9 and [9] come back alike")
grey = recordio.pack_img(recordio.IRHeader(0, 3.0, 1, 0), reddish[..., 0], quality=9, img_fmt=".png")
shapes = recordio.unpack_img(grey)[1].shape, mx.image.imdecode(recordio.unpack(grey)[1]).shape
print("a grey picture:", *shapes)
check(shapes == ((16, 16), (16, 16, 3)), "a grey picture has one shape")
EOF
