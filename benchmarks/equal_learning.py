"""Whether the fast path learns as the plain recipe does: validation accuracy over seeds, on Fashion-MNIST.

    python benchmarks/equal_learning.py [--seeds 0 1 ...] [--width 16] [--epochs 10] [--fraction 0.05] [--json]

The same network, first weights, images, optimiser and epochs for both; the plain recipe takes facenas' learning rates, so that what is
compared is the path: order and augmentation are drawn by each in its own way. `ratio` is the difference of the means over the pooled
standard deviation of the seeds; `p` is that of Welch's t-test, that such a difference comes by chance.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from statistics import mean, stdev
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--depth", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--fraction", type=float, default=0.05)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    import torch
    from scipy.stats import ttest_ind

    from benchmarks.plain import Plain
    from facenas.backbones import Blueprint, fused
    from facenas.data import share_of_each, split_stratified
    from facenas.data.sources.class_sources import MnistImages
    from facenas.search import SearchSettings
    from facenas.settings import load
    from facenas.training.device import has_bf16
    from facenas.training.fit import fit

    del os.environ["FACENAS_FUSED"]  # set by the recipe's module; here both take turns
    torch.set_num_threads(options.threads)
    overrides = [f"data_fraction={options.fraction}"]
    settings = load(SearchSettings, command="search", preset="fashionmnist-tiny", overrides=overrides)
    task = settings.load_task()
    blueprint = Blueprint(architecture=settings.space.start(depth=options.depth, width=options.width), space=settings.space)
    split = split_stratified(MnistImages(name="fashionmnist").load(), share=settings.validation_share, seed=settings.seed)
    train = split.train.rows(share_of_each(split.train.labels, options.fraction, seed=settings.seed))

    fast, plain = [], []
    for seed in options.seeds:
        torch.manual_seed(seed)
        first = blueprint.build().state_dict()
        trained = fit(task, blueprint, recipe=settings.recipe, epochs=options.epochs, seed=seed, initial=first).network
        fast.append(float(task.validate(trained).mean()))
        with patch.object(fused, "library", lambda *_: None):
            usual = Plain(train, blueprint, seed=seed)
            usual.network.load_state_dict(first)
            steps = len(usual.loader)
            for epoch in range(options.epochs):
                losses = usual.steps()
                for step in range(steps):
                    for group in usual.optimiser.param_groups:
                        group["lr"] = settings.recipe.learning_rate(epoch + (step + 0.5) / steps, options.epochs)
                    next(losses)
            plain.append(usual.accuracy(split.validation))
        if not options.json:
            print(f"seed {seed}: facenas {fast[-1]:.4f}, plain {plain[-1]:.4f}", flush=True)
    pooled = ((stdev(fast) ** 2 + stdev(plain) ** 2) / 2) ** 0.5
    row = {
        "name": "validation accuracy",
        "ratio": (mean(fast) - mean(plain)) / pooled,
        "p": float(ttest_ind(fast, plain, equal_var=False).pvalue),
        "precision": "bf16" if has_bf16("cuda" if torch.cuda.is_available() else "cpu") else "fp32",
        "fast": fast,
        "plain": plain,
        "fast_mean": mean(fast),
        "fast_sd": stdev(fast),
        "plain_mean": mean(plain),
        "plain_sd": stdev(plain),
    }
    if options.json:
        print(json.dumps({"rows": [row]}))
    else:
        spread = {name: f"{row[f'{name}_mean']:.4f} +- {row[f'{name}_sd']:.4f}" for name in ("fast", "plain")}
        print(f"facenas, {row['precision']}: {spread['fast']}, plain {spread['plain']}, p {row['p']:.2f}")


if __name__ == "__main__":
    main()
