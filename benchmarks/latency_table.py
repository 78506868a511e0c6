"""How well the sum of the parts' latencies predicts the latency of the whole network.

python benchmarks/latency_table.py [--target onnxruntime-cpu-1thread] [--networks 12] [--folder DIR]
"""

import argparse
import time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
from scipy.stats import spearmanr

from facenas.backbones import IRSpace, PlainSpace
from facenas.export import LatencyTable, Target

SPACES = {
    "ir": (IRSpace(embedding_size=None, output="gdc"), range(10, 35, 2), range(16, 49, 8)),
    "plain": (PlainSpace(), range(5, 25), range(16, 65, 16)),
}


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--target", default="onnxruntime-cpu-1thread")
    options.add_argument("--networks", type=int, default=12)
    options.add_argument("--space", choices=SPACES, nargs="*", default=list(SPACES))
    given = options.parse_args()
    for name in given.space:
        space, depths, widths = SPACES[name]
        shape = (space.in_channels, space.input_size, space.input_size)
        with TemporaryDirectory() as folder:
            table, rng, rows, spent = LatencyTable(Target.of(given.target), Path(folder)), Random(0), [], [0.0, 0.0]
            for _ in range(given.networks):
                architecture = space.sample(rng, depths=depths, widths=widths)
                network = space.build(architecture)
                start, known = time.perf_counter(), len(table.known)
                predicted = table.predicted(network, shape)
                middle, new = time.perf_counter(), len(table.known) - known
                whole = table.whole(network, shape=shape, content=architecture.model_dump_json())
                spent[0] += middle - start
                spent[1] += time.perf_counter() - middle
                rows.append((predicted, whole))
                print(
                    f"{name} depth {architecture.depth:3d} width {architecture.width:3d}: {new:2d} new parts, sum {predicted:7.3f} ms, "
                    f"whole {whole:7.3f} ms, ratio {predicted / whole:.3f}",
                    flush=True,
                )
        sums, wholes = np.array(rows).T
        ratios = sums / wholes
        between, rank = f"from {ratios.min():.3f} to {ratios.max():.3f}", spearmanr(sums, wholes).statistic
        print(f"{name}, {given.target}, {len(rows)} networks: sum / whole {np.median(ratios):.3f} ({between}), Spearman {rank:.3f}")
        print(f"{spent[0]:.1f} s for {len(table.known) - len(rows)} parts, {spent[1]:.1f} s for the whole networks", flush=True)


if __name__ == "__main__":
    main()
