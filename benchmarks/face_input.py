"""Face input on one core, in turns: 112 x 112 JPEG files of the ORL photographs, AdaFace's augmentation, batches of 128.

    python benchmarks/face_input.py [--rounds 7] [--images 1024] [--json]

Plain is the usual recipe, re-stated: Pillow decodes, crops, resizes by OpenCV and jitters colours by torchvision, one image at a time; each
image becomes a normalised float32 tensor, and tensors are collated. facenas' rows are its own loader without workers, bytes out. `ratio` is
plain's time over the row's; `of_decode` what bare `cv2.imdecode` of the same files takes, over the row's.
"""

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torchvision import transforms
from torchvision.transforms import functional

from facenas.data import OrlFaces
from facenas.data.augmentation.face_augment import FaceAugmentation
from facenas.data.face_files import Decoding, FaceFiles
from facenas.data.formats.decoded_faces import decoded_faces
from facenas.data.formats.record_writer import write_records
from facenas.data.formats.records import image_labels, open_records
from facenas.data.loader import FaceLoader
from facenas.training.device import make_fabric

SIZE, BATCH = 112, 128
WAYS = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_AREA, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
PARTS, JITTER = transforms.RandomResizedCrop(SIZE, scale=(0.2, 1.0)), transforms.ColorJitter(0.5, 0.5, 0.5)
Work = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--images", type=int, default=1024)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    make_fabric("cpu", "fp32")  # the allocator as in training
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), options.images, options.rounds)
    if options.json:
        print(json.dumps({"rows": rows}))
        return
    for row in rows:
        print(
            f"{row['name']}: {row['us']:.1f} us an image ({row['low_us']:.1f} to {row['high_us']:.1f}), {row['per_s']:,.0f} a second, "
            f"{row['ratio']:.1f} x plain, {row['of_decode']:.2f} of bare decoding"
        )


def measure(folder: Path, images: int, rounds: int) -> list[dict[str, Any]]:
    files = [jpeg(image) for image in OrlFaces().load(SIZE).images]
    files = [files[i % len(files)] for i in range(images)]
    write_records(folder / "train.rec", enumerate(files), names=[str(i) for i in range(images)], size=SIZE)
    works: dict[str, Work] = {
        "plain": lambda: plain(files),
        "cv2.imdecode alone": lambda: exhaust(cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR) for file in files),
    }
    works |= ours(folder / "train.rec")
    for work in works.values():
        work()
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            times[name].append(1e6 * timed(work) / images)
    middle = {name: median(column) for name, column in times.items()}
    return [
        {
            "name": name,
            "ratio": median(a / b for a, b in zip(times["plain"], column, strict=True)),
            "of_decode": median(a / b for a, b in zip(times["cv2.imdecode alone"], column, strict=True)),
            "us": middle[name],
            "low_us": min(column),
            "high_us": max(column),
            "per_s": 1e6 / middle[name],
        }
        for name, column in times.items()
    ]


def ours(path: Path) -> dict[str, Work]:
    """Records alone, decoding, and decoding with augmentation, by each decoder that is installed and from the cache."""
    records = open_records(path)
    keys, labels = image_labels(records)
    names = tuple(str(label) for label in labels.tolist())
    rows = keys.tolist()

    def faces(decoder: Any) -> FaceFiles:
        return FaceFiles("benchmark", Decoding(records, SIZE, decoder), keys, labels, names)

    def epoch(faces: FaceFiles, augmentation: FaceAugmentation | None) -> Work:
        loader, order = FaceLoader(faces, batch_size=BATCH, augmentation=augmentation), np.arange(len(faces))
        return lambda: exhaust(loader.epoch(order, seed=0))

    os.environ["FACENAS_CACHE"] = str(path.parent)
    cached = decoded_faces(faces("exact"), records.files(), decoder="exact")
    works: dict[str, Work] = {
        "records alone": lambda: exhaust(map(records.read, rows)),
        "decoded": epoch(faces("exact"), None),
        "decoded and augmented": epoch(faces("exact"), FaceAugmentation()),
        "from the decoded cache, augmented": epoch(cached, FaceAugmentation()),
    }
    if find_spec("simplejpeg"):
        works["decoded by simplejpeg's fast DCT and augmented"] = epoch(faces("fast"), FaceAugmentation())
    return works


def plain(files: list[bytes]) -> None:
    for at in range(0, len(files), BATCH):
        torch.stack([usual(file) for file in files[at : at + BATCH]])


def usual(file: bytes) -> torch.Tensor:
    """One image by the usual recipe."""
    image = Image.open(BytesIO(file)).convert("RGB")
    if random.random() < 0.2:
        top, left, height, width = PARTS.get_params(image, PARTS.scale, PARTS.ratio)
        black = Image.new("RGB", image.size)
        black.paste(image.crop((left, top, left + width, top + height)), (left, top))
        image = black
    if random.random() < 0.2:
        side = int(random.uniform(0.2, 1) * SIZE)
        small = cv2.resize(np.asarray(image), (side, side), interpolation=random.choice(WAYS))
        image = Image.fromarray(cv2.resize(small, (SIZE, SIZE), interpolation=random.choice(WAYS)))
    if random.random() < 0.2:
        image = JITTER(image)
    if random.random() < 0.5:
        image = functional.hflip(image)
    return functional.normalize(functional.to_tensor(image), [0.5] * 3, [0.5] * 3)


def exhaust(items: Iterable[object]) -> None:
    for _ in items:
        pass


def jpeg(image: Any) -> bytes:
    return bytes(cv2.imencode(".jpg", image[..., ::-1])[1])


def timed(work: Work) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
