"""A training step of a face network: facenas against the usual form of the same step, in turns.

    python benchmarks/face_step.py [--architecture ir18] [--batch 32] [--identities 10572] [--rounds 7] [--json]

The usual form: fp32, NCHW, SGD as torch has it by default, `.item()` at every step, AdaFace's head as its authors wrote it. Both compute on
the same random images of 112 x 112, in processes of their own.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any


def plain_steps(architecture: str, batch: int, identities: int) -> Iterator[None]:
    import torch
    from torch import nn

    from benchmarks.heads import usual_adaface
    from facenas.backbones import get_blueprint
    from facenas.heads.settings import AdaFaceHead

    device = "cuda" if torch.cuda.is_available() else "cpu"
    network, head = get_blueprint(architecture).build().to(device).train(), AdaFaceHead().build(512, identities).to(device)
    parameters = [*network.parameters(), *head.parameters()]
    optimiser = torch.optim.SGD(parameters, lr=0.01, momentum=0.9, weight_decay=5e-4)
    images, labels = (values.to(device) for values in random_faces(batch, identities))
    while True:
        rows = torch.randint(len(images), (batch,), device=device)
        optimiser.zero_grad()
        loss, _ = usual_adaface(head, network((images[rows].float() - 127.5) / 127.5), labels[rows])
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 5.0)
        optimiser.step()
        loss.item()
        yield


def our_steps(architecture: str, batch: int, identities: int, threads: int, precision: str) -> Iterator[None]:
    from benchmarks.turns import of_training
    from facenas.backbones import get_blueprint
    from facenas.data import FaceSet, InputContract
    from facenas.heads.settings import AdaFaceHead
    from facenas.training.fit import fit
    from facenas.training.recipe import Recipe
    from facenas.training.tasks import FaceTask

    images, labels = random_faces(batch, identities)
    faces = FaceSet("random", images.permute(0, 2, 3, 1).contiguous().numpy(), labels.numpy(), tuple(map(str, range(identities))))
    task = FaceTask(faces, None, head=AdaFaceHead(), contract=InputContract())
    recipe = Recipe.model_validate({"batch_size": batch, "lr": 0.01, "weight_decay": 5e-4, "clip_norm": 5.0, "precision": precision})
    return of_training(lambda tell: fit(task, get_blueprint(architecture), recipe=recipe, epochs=1000, seed=0, after_step=tell), threads)


def random_faces(batch: int, identities: int) -> tuple[Any, Any]:
    """One image of each identity, uint8 (N, 3, 112, 112), and labels (N,)."""
    import torch

    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (identities, 3, 112, 112), dtype=torch.uint8, generator=generator)
    return images, torch.arange(identities)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", default="ir18")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--identities", type=int, default=10_572)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--precision", choices=["auto", "fp32", "bf16"], default="auto")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    from benchmarks.candidate_epoch import peak
    from benchmarks.turns import in_turns, ratio
    from facenas.backbones import get_blueprint
    from facenas.training.device import has_bf16, make_fabric

    shape = (options.architecture, options.batch, options.identities)
    ways = [partial(plain_steps, *shape), partial(our_steps, *shape, options.threads, options.precision)]
    plain, ours = in_turns(ways, rounds=options.rounds, steps=options.steps, threads=options.threads, warm_up=3)
    device = make_fabric("auto", "fp32").device.type
    precision = ("bf16" if has_bf16(device) else "fp32") if options.precision == "auto" else options.precision
    point, rate = get_blueprint(options.architecture), options.batch / median(ours)
    flops = rate * 6 * (point.space.macs(point.architecture) + 512 * options.identities)  # forward and backward, each product twice
    row = {
        "name": f"{options.architecture}, batch {options.batch}, {options.identities} identities",
        **ratio(plain, ours),
        "images_per_s": rate,
        "plain_images_per_s": options.batch / median(plain),
        "gflop_per_s": flops / 1e9,
        "share_of_matrix_product": flops / peak(options.threads, precision),
        "device": device,
        "precision": precision,
    }
    print(json.dumps({"rows": [row]}, indent=None if options.json else 2))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main()
