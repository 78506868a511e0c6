"""Embeddings of photographs in files, against the bare network on photographs that are in memory already, in turns.

    python benchmarks/extraction.py [--architecture ir18] [--images 384] [--rounds 5] [--json]

The photographs are the ORL faces as 112 x 112 JPEG files in a `.bin` file. Both embed each with its mirror image in one pass of 2 x 64; the
bare network's batches are converted too. `ratio` is the images a second of the whole over those of the bare network.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import torch

from facenas.backbones import get_blueprint
from facenas.data import InputContract, OrlFaces, open_bin, write_bin
from facenas.eval import extract, torch_embedder
from facenas.training.device import make_fabric

BATCH = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", default="ir18")
    parser.add_argument("--images", type=int, default=384)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = make_fabric("auto", "fp32").device
    faces = OrlFaces().load(112).images[: options.images]
    network = get_blueprint(options.architecture).build().to(device)
    embedder = torch_embedder(network, InputContract(), device)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orl.bin"
        write_bin(path, [cv2.imencode(".jpg", face[..., ::-1])[1].tobytes() for face in faces], [True] * (len(faces) // 2))
        images = open_bin(path)

        def whole() -> None:
            extract(embedder, images.photographs.image, images.count, batch_size=BATCH)

        def bare() -> None:
            for start in range(0, len(faces), BATCH):
                batch = faces[start : start + BATCH]
                embedder(np.concatenate([batch, batch[:, :, ::-1]]))

        times: dict[str, list[float]] = {"whole": [], "bare": []}
        for work in (whole, bare):
            work()
        for _ in range(options.rounds):
            for name, work in (("whole", whole), ("bare", bare)):
                start = time.perf_counter()
                work()
                times[name].append(time.perf_counter() - start)
    rounds = [b / a for a, b in zip(times["whole"], times["bare"], strict=True)]
    row = {
        "name": f"{options.architecture}, {len(faces)} JPEG files",
        "ratio": median(rounds),
        "ratio_range": [min(rounds), max(rounds)],
        "images_per_s": len(faces) / median(times["whole"]),
        "bare_images_per_s": len(faces) / median(times["bare"]),
        "device": device.type,
    }
    print(json.dumps({"rows": [row]}, indent=None if options.json else 2))


if __name__ == "__main__":
    main()
