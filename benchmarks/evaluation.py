"""Metrics of the benchmarks at their true sizes, against the usual code for the same numbers, in turns.

    python benchmarks/evaluation.py [--only pooling ...] [--rounds 1] [--threads 2] [--quick] [--json]

Random faces in the sizes and layouts of LFW, IJB-C and TinyFace. The usual code is restated from its published form: arcface_torch's
`verification.py` (its accuracy) and `eval_ijbc.py`, AdaFace's TinyFace ranking. Every run is a process of its own, forked after its inputs
are made; the extra memory is its peak above them. `difference` is the largest between the two ways' results.
"""

import argparse
import json
import os
import re
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_curve
from sklearn.model_selection import KFold
from sklearn.preprocessing import normalize
from turns import started, told

from facenas.data import Pairs
from facenas.eval.identification import search
from facenas.eval.metrics import published_accuracy
from facenas.eval.roc import FARS, accept_rates, nearest_tar_at_far
from facenas.eval.settings import Weighting
from facenas.eval.templates import pool, template_scores
from facenas.eval.verification import squared_distances

D, AT_ONCE, RANKS = 512, 100_000, (1, 5, 20)
GALLERY, PROBES, PAIRS, GENUINE, PHOTOGRAPHS = 3_531, 19_593, 15_658_489, 19_557, 469_375  # IJB-C
Way = Callable[[], NDArray[Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=list(CASES), choices=CASES)
    parser.add_argument("--rounds", type=int, default=1, help="of the large cases; the ten folds get seven")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--quick", action="store_true", help="a hundredth of the pairs and photographs")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    for case in options.only:
        ways = CASES[case](100 if options.quick else 1)
        rows += measure(case, ways, rounds=7 if case == "folds" else options.rounds, threads=options.threads)
        del ways
    if options.json:
        print(json.dumps({"rows": rows}))
        return
    for row in rows:
        print(
            f"{row['name']}: {row['ratio']:.1f} x, {row['ms']:.1f} ms and {row['extra_mib']:.0f} MiB, "
            f"usual {row['usual_ms']:.1f} ms and {row['usual_extra_mib']:.0f} MiB, {row['difference']:.0e} apart"
        )


def measure(case: str, ways: dict[str, Way], *, rounds: int, threads: int) -> list[dict[str, Any]]:
    """The first way is the usual one; each other makes a row."""
    runs: dict[str, list[tuple[float, float, NDArray[Any]]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            runs[name].append(alone(way, threads, repeats=5 if case == "folds" and name != "usual" else 1))
    usual, *others = ways
    seconds = {name: median(run[0] for run in of_way) for name, of_way in runs.items()}
    memory = {name: max(run[1] for run in of_way) for name, of_way in runs.items()}
    return [
        {
            "name": name,
            "ratio": seconds[usual] / seconds[name],
            "ms": 1e3 * seconds[name],
            "usual_ms": 1e3 * seconds[usual],
            "extra_mib": memory[name],
            "usual_extra_mib": memory[usual],
            "difference": float(np.abs(runs[name][0][2] - runs[usual][0][2]).max()),
        }
        for name in others
    ]


def alone(way: Way, threads: int, repeats: int) -> tuple[float, float, NDArray[Any]]:
    """Seconds, MiB above the inputs and result of a run in a process of its own."""
    pipe, process = started(_worker, way, threads, repeats, how="fork")  # shares the inputs; nothing before it may start threads of torch
    result: tuple[float, float, NDArray[Any]] = told(pipe, process)
    process.join()
    return result


def _worker(connection: Connection, way: Way, threads: int, repeats: int) -> None:
    torch.set_num_threads(threads)
    torch.ones(2**20).mul(2)
    np.ones((512, 512), np.float32) @ np.ones((512, 512), np.float32)  # the threads of both libraries run
    before, times = _status("VmRSS"), []
    for _ in range(repeats):
        start = time.perf_counter()
        result = way()
        times.append(time.perf_counter() - start)
    connection.send((median(times), (_status("VmHWM") - before) / 1024, result[:: max(1, len(result) // 10_000)]))


def _status(key: str) -> int:
    found = re.search(rf"{key}:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found[1]) if found else 0


def folds(scale: int) -> dict[str, Way]:
    same = np.arange(6000) % 600 < 300
    faces = normalize(_noise(12_000))
    faces[1::2][same] = normalize(faces[::2][same] + 1.2 * faces[1::2][same])
    pairs = Pairs(np.arange(0, 12_000, 2), np.arange(1, 12_000, 2), same)
    return {
        "usual": lambda: usual_folds(faces[::2], faces[1::2], same),
        "ten folds of 6,000 pairs": lambda: np.array(published_accuracy(squared_distances(faces, pairs), same).folds),
    }


def usual_folds(first: NDArray[Any], second: NDArray[Any], same: NDArray[Any]) -> NDArray[Any]:
    def rates(threshold: float, distances: NDArray[Any], same: NDArray[Any]) -> tuple[float, float, float]:
        accepted = np.less(distances, threshold)
        tp, fp = np.sum(np.logical_and(accepted, same)), np.sum(np.logical_and(accepted, ~same))
        tn, fn = np.sum(np.logical_and(~accepted, ~same)), np.sum(np.logical_and(~accepted, same))
        return float(tp / (tp + fn)), float(fp / (fp + tn)), float(tp + tn) / distances.size

    distances, thresholds, accuracies = np.sum(np.square(first - second), 1), np.arange(0, 4, 0.01), []
    for train, test in KFold(10).split(np.arange(len(same))):
        best = np.argmax([rates(threshold, distances[train], same[train])[2] for threshold in thresholds])
        [rates(threshold, distances[test], same[test]) for threshold in thresholds]  # its mean ROC
        accuracies.append(rates(thresholds[best], distances[test], same[test])[2])
    return np.array(accuracies)


def layout(scale: int) -> dict[str, Way]:
    rng = np.random.default_rng(0)
    first = np.sort(rng.integers(0, GALLERY, PAIRS // scale, dtype=np.int32))
    return _scoring("pairs as IJB-C lays them out", first, rng.integers(GALLERY, GALLERY + PROBES, len(first), dtype=np.int32))


def arbitrary(scale: int) -> dict[str, Way]:
    rng = np.random.default_rng(0)
    return _scoring("arbitrary pairs", *rng.integers(0, GALLERY + PROBES, (2, PAIRS // scale), dtype=np.int32))


def _scoring(name: str, first: NDArray[Any], second: NDArray[Any]) -> dict[str, Way]:
    templates = normalize(_noise(GALLERY + PROBES))
    return {"usual": lambda: usual_scores(templates, first, second), name: lambda: template_scores(templates, first, second)}


def usual_scores(templates: NDArray[Any], first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
    scores = np.zeros(len(first))
    for start in range(0, len(first), AT_ONCE):
        batch = slice(start, start + AT_ONCE)
        scores[batch] = np.sum(templates[first[batch]] * templates[second[batch]], -1)
    return scores


def accepting(scale: int) -> dict[str, Way]:
    rng, count = np.random.default_rng(0), PAIRS // scale
    scores, same = 0.07 * rng.standard_normal(count, dtype=np.float32), np.zeros(count, bool)
    same[rng.choice(count, GENUINE // scale, replace=False)] = True
    scores[same] = 0.6 + 0.14 * rng.standard_normal(same.sum(), dtype=np.float32)
    fars = [far for far in FARS if far * (~same).sum() >= 1]

    return {
        "usual": lambda: usual_tar(scores, same, fars),
        f"TAR at {len(fars)} FARs, nearest": lambda: np.array([*nearest_tar_at_far(scores, same, fars).values()]),
        f"TAR at {len(fars)} FARs, not exceeded": lambda: np.array([*accept_rates(scores, same, fars).tar.values()]),
    }


def usual_tar(scores: NDArray[Any], same: NDArray[Any], fars: list[float]) -> NDArray[Any]:
    fpr, tpr, _ = roc_curve(same, scores)
    fpr, tpr = np.flipud(fpr), np.flipud(tpr)
    places = [min(list(zip(abs(fpr - far), range(len(fpr)), strict=True)))[1] for far in fars]
    return tpr[places]


def pooling(scale: int) -> dict[str, Way]:
    rng, templates, photographs = np.random.default_rng(0), (GALLERY + PROBES) // scale, PHOTOGRAPHS // scale
    template = np.sort(np.concatenate([np.arange(templates), rng.integers(0, templates, photographs - templates)]))
    media, features = 10 * template + rng.integers(0, 6, photographs), _noise(photographs)
    detector = rng.uniform(0.5, 1, photographs).astype(np.float32)
    weighting = Weighting(norm="keep", detector=True)
    return {
        "usual": lambda: usual_pooling(features * detector[:, None], template, media),
        "template pooling": lambda: pool(features, template, media, weighting=weighting, detector_scores=detector).embeddings,
    }


def usual_pooling(features: NDArray[Any], template: NDArray[Any], media: NDArray[Any]) -> NDArray[Any]:
    names = np.unique(template)
    pooled = np.zeros((len(names), features.shape[1]))
    for row, name in enumerate(names):
        chosen = np.where(template == name)[0]
        ours, of_template, parts = features[chosen], media[chosen], []
        for medium, count in zip(*np.unique(of_template, return_counts=True), strict=True):
            of_medium = np.where(of_template == medium)[0]
            parts.append(ours[of_medium] if count == 1 else np.mean(ours[of_medium], axis=0, keepdims=True))
        pooled[row] = np.sum(np.array(parts), axis=0)
    return normalize(pooled)


def tinyface(scale: int) -> dict[str, Way]:
    rng, probes, matches, distractors = np.random.default_rng(0), 3_728 // scale, 4_443 // scale, 153_428 // scale
    gallery, people = normalize(_noise(matches + distractors)), rng.integers(0, 2_569 // scale, matches)
    identities = np.concatenate([people, np.full(distractors, -100)])
    mates = rng.integers(0, matches, probes)
    faces = normalize(gallery[mates] + normalize(_noise(probes)) * rng.uniform(3, 6, (probes, 1)).astype(np.float32))
    return {
        "usual": lambda: usual_ranks(faces, people[mates], gallery, identities),
        "TinyFace ranks": lambda: np.array([*search(faces, people[mates], gallery, identities).rates(RANKS).values()]),
    }


def usual_ranks(faces: NDArray[Any], people: NDArray[Any], gallery: NDArray[Any], identities: NDArray[Any]) -> NDArray[Any]:
    order = np.argsort(faces @ gallery.T, axis=1)[:, ::-1]
    return np.array([np.mean((identities[order[:, :k]] == people[:, None]).any(1)) for k in RANKS])


def _noise(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(count).standard_normal((count, D), dtype=np.float32)


CASES: dict[str, Callable[[int], dict[str, Way]]] = {
    case.__name__: case for case in (folds, layout, arbitrary, accepting, pooling, tinyface)
}


if __name__ == "__main__":
    main()
