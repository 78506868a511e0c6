"""What an exported file is checked on: images, and a benchmark before and after."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from facenas.errors import NobodyUnseenError

if TYPE_CHECKING:
    from torch import nn

    from facenas.data import InputContract
    from facenas.data.faces import Images
    from facenas.eval import Embedder
    from facenas.export.parity import Runner
    from facenas.training.device import Device
    from facenas.training.models import ModelCard

logger = logging.getLogger("facenas")
MOST_IMAGES, CALIBRATION = 64, 128


class Check(NamedTuple):
    """A benchmark that an exported file is checked on, with images of it.

    Attributes:
        name: Name of the benchmark.
        images: Images (M, H, W, C), uint8, to compare outputs on.
        calibration: Other images (M, H, W, C), uint8: of people that the benchmark does not test, where there are any.
        before: The model's rates on the benchmark.
        rates: Function that gives an embedding function's rates on the benchmark.
        device: Device that the model was run on.
        unseen: Whether the benchmark is of people that the model has not seen; else its rates compare, and say nothing of new people.
    """

    name: str
    images: "Images"
    calibration: "Images"
    before: dict[str, float]
    rates: "Callable[[Embedder], dict[str, float]]"
    device: "Device"
    unseen: bool = True

    def judge(self, runner: "Runner", contract: "InputContract", network: "nn.Module", own: "InputContract") -> dict[str, Any]:
        """Rates and latency of a file, beside those of the network.

        Args:
            runner: Function that runs the file, from images (B, C, H, W) to outputs (B, D).
            contract: What the file expects of an image.
            network: The network in torch, on the CPU.
            own: What the network expects of an image.
        """
        import numpy as np
        import torch

        from facenas.data.faces import sides
        from facenas.export.parity import torch_runner
        from facenas.export.rounds import in_rounds

        def embed(images: "Images") -> Any:
            return runner(contract.prepare(torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)).contiguous().numpy())

        after = self.rates(embed)
        one, eager = np.zeros((1, own.channels, *sides(own.size)), np.float32), torch_runner(network, torch.device("cpu"))
        times = in_rounds({"torch": lambda: eager(one), "file": lambda: runner(one)})
        return {
            "benchmark": {
                "name": self.name,
                "unseen_people": self.unseen,
                "before": self.before,
                "after": after,
                "drop": max(self.before[rate] - after[rate] for rate in after),
            },
            "latency_ms": {name: 1e3 * min(map(np.median, rounds)) for name, rounds in times.items()}
            | {"threads": torch.get_num_threads()},
            "dimension": int(runner(one).shape[1]),
        }


def checked_on(model: Path, card: "ModelCard", name: str, *, config: str | Path | None, given: list[str], data_root: str | None) -> Check:
    """The images of a benchmark, and the model's rates on it.

    Args:
        model: Folder that the model was read from.
        card: Card of the model, which tells its kind and its data; a classifier is checked on its own data's test set.
        name: Name of the benchmark.
        config: A file of settings instead of the benchmark's preset.
        given: Settings to change, as `path=value` assignments.
        data_root: Folder of the benchmark's data, if it has moved.
    """
    from facenas.eval.settings import eval_settings

    root = [] if card.data or data_root is None else [f"data.root={data_root}"]
    settings = eval_settings(name, config=str(config) if config else None, overrides=[*given, "replicates=0", *root])
    if card.data:
        return _classes(model, card, settings.device, settings.seed, data_root)
    return _faces(model, name, settings)


def _faces(model: Path, name: str, settings: Any) -> Check:
    import numpy as np

    from facenas.api.measuring import measure
    from facenas.eval import extract
    from facenas.eval.verification import PairBenchmark

    unseen = True
    try:
        measured = measure(model, name, settings, told=set())
    except NobodyUnseenError as error:
        unseen = False
        logger.info("%s: %s to say what the model is worth; on people that it has seen, the file is compared with the model", name, error)
        measured = measure(model, name, settings, told=set(), anyone=True)
    benchmark, pictures = measured.benchmark, measured.benchmark.pictures
    rows = np.random.default_rng(settings.seed).permutation(pictures.count).tolist()
    images = np.stack([pictures.image(row) for row in rows[:MOST_IMAGES]])
    others = benchmark.rest if isinstance(benchmark, PairBenchmark) else None
    if others is not None and len(others):
        chosen = np.random.default_rng(settings.seed).permutation(len(others))[:CALIBRATION]
        calibration = others.images[chosen]
    else:
        calibration = np.stack([pictures.image(row) for row in rows[-CALIBRATION:]])

    def rates(embedder: "Embedder") -> dict[str, float]:
        found = extract(
            embedder, pictures.image, pictures.count, batch_size=settings.batch_size, flip=settings.flip, workers=settings.workers
        )
        return benchmark.measure(found.values).rates

    return Check(name, images, calibration, measured.result.rates, rates, settings.device, unseen)


def _classes(model: Path, card: "ModelCard", device: "Device", seed: int, data_root: str | None) -> Check:
    import numpy as np

    from facenas.eval.classification import classification_accuracy
    from facenas.recognition.models import load_classifier

    assert card.data is not None
    data = card.data.at(data_root) if data_root else card.data
    images, test = data.load().images, data.test()
    chosen = np.random.default_rng(seed).permutation(len(images))

    def rates(embedder: "Embedder") -> dict[str, float]:
        return {"": classification_accuracy(embedder, test).accuracy}

    before = rates(load_classifier(model, device).embedder)
    return Check(f"{data.name}'s test set", images[chosen[:MOST_IMAGES]], images[chosen[MOST_IMAGES:][:CALIBRATION]], before, rates, device)
