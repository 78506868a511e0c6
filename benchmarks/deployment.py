"""Latency of exported networks at batch 1, in turns: torch eager and compiled, onnxruntime in float32, float16 and 8-bit integers.

    python benchmarks/deployment.py [--architectures ir18 ir50] [--rounds 5] [--threads N] [--no-compile] [--json]

The networks have random weights, and BatchNorms that have seen the ORL faces, on which the integers are calibrated too; every convolution
and matrix product is quantised. torch has its fastest float32: channels_last, compiled with freezing. `ratio` is how many times as fast
as the way it is compared with: onnxruntime's float32 against torch, lower precisions against onnxruntime's float32. `cosine` is the
smallest of 16 faces' against torch.
"""

import argparse
import json
import os
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import nn

from facenas.backbones import get_blueprint
from facenas.data import InputContract, OrlFaces
from facenas.export.fold import folded
from facenas.export.half import half
from facenas.export.int8 import Quantiser
from facenas.export.onnx import onnx_model
from facenas.export.parity import Batch, onnx_runner, parity, torch_runner
from facenas.export.rounds import in_rounds

CALIBRATION, COMPARED, CPU = 64, 16, torch.device("cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architectures", nargs="+", default=["ir18", "ir50"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    faces = (
        InputContract().prepare(torch.from_numpy(OrlFaces().load(112).images[::4][:CALIBRATION]).permute(0, 3, 1, 2)).contiguous().numpy()
    )
    rows = [row for name in options.architectures for row in measure(name, faces, options)]
    if options.json:
        print(json.dumps({"rows": rows, "threads": options.threads}))
        return
    for row in rows:
        low, high = row["ratio_range"]
        print(f"{row['name']:40} {row['ms']:8.1f} ms  {row['ratio']:5.2f}x ({low:.2f} to {high:.2f})  cosine {row['cosine']:.6f}")


def measure(name: str, faces: Batch, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Rows of one architecture."""
    network = settled(get_blueprint(name).build(), torch.from_numpy(faces)).to(memory_format=torch.channels_last)
    model = onnx_model(folded(network, torch.zeros(2, 3, 112, 112)), torch.zeros(2, 3, 112, 112))
    models = {
        "float32": model,
        "float16": half(model, []),
        "int8": Quantiser(model, faces)([]),
    }
    ways = {"eager": torch_runner(network, CPU)}
    if not options.no_compile:
        compiled: Any = torch.compile(network, dynamic=False, options={"freezing": True})
        ways["compiled"] = torch_runner(compiled, CPU)
    ways |= {kind: onnx_runner(each.SerializeToString(), threads=options.threads) for kind, each in models.items()}
    one = faces[:1]
    times = in_rounds({kind: (lambda run=run: run(one)) for kind, run in ways.items()}, rounds=options.rounds)
    medians = {kind: [median(seconds) for seconds in rounds] for kind, rounds in times.items()}
    expected = np.concatenate([ways["eager"](face[None]) for face in faces[:COMPARED]])
    pairs = [("float32", kind) for kind in ways if kind in ("eager", "compiled")] + [("float16", "float32"), ("int8", "float32")]
    return [
        {
            "name": f"{name}, {fast} against {slow}",
            "ratio": median(medians[slow]) / median(medians[fast]),
            "ratio_range": ends([before / after for before, after in zip(medians[slow], medians[fast], strict=True)]),
            "ms": 1e3 * median(medians[fast]),
            "cosine": parity(expected, np.concatenate([ways[fast](face[None]) for face in faces[:COMPARED]])).min_cosine,
        }
        for fast, slow in pairs
    ]


def ends(values: list[float]) -> list[float]:
    """The smallest and the largest."""
    return [min(values), max(values)]


def settled(network: nn.Module, images: torch.Tensor) -> nn.Module:
    """With means and variances of the images."""
    for module in network.train().modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network(images)
    return network.eval()


if __name__ == "__main__":
    main()
