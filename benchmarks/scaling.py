"""Seconds of a training epoch against images, width and depth, on Fashion-MNIST; the picture of docs/performance.md.

    python benchmarks/scaling.py [--svg docs/scaling.svg] [--json]

`ratio` is the growth of the seconds over the growth of the work (multiply-accumulates times images) from the smallest point to the largest:
1 means that cost grows as the work does, below 1 that small networks are held up by something else.
"""

import argparse
import json
import os
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch

from facenas.backbones import Blueprint
from facenas.data import split_stratified
from facenas.files import write_text
from facenas.report.axes import of_cost
from facenas.report.charts import Line, Mark, chart
from facenas.report.standalone import standalone
from facenas.search import SearchSettings
from facenas.settings import load
from facenas.training.fit import fit
from facenas.training.tasks import ClassTask

IMAGES, WIDTH, DEPTH, BATCH = 1280, 32, 10, 64
SERIES = {"images": (640, 1280, 2560, 5120), "width": (16, 24, 32, 48, 64, 96), "depth": (6, 10, 16, 24, 40)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    settings = load(SearchSettings, command="search", preset="fashionmnist-tiny")
    images = settings.data.load()

    def seconds(count: int, width: int, depth: int) -> float:
        train = split_stratified(images, share=count / len(images), seed=0).validation
        task = ClassTask(train, None, contract=settings.load_task().contract)
        blueprint = Blueprint(architecture=settings.space.start(depth=depth, width=width), space=settings.space)
        ends = [time.perf_counter()]
        fit(
            task,
            blueprint,
            recipe=settings.recipe,
            epochs=1 + options.epochs,
            seed=0,
            after_epoch=lambda _: ends.append(time.perf_counter()),
        )
        return median(after - before for before, after in pairwise(ends[1:]))

    def work(count: int, width: int, depth: int) -> float:
        return float(count * settings.space.macs(settings.space.start(depth=depth, width=width)))

    rows: list[dict[str, Any]] = []
    for name, values in SERIES.items():
        points = [{"images": IMAGES, "width": WIDTH, "depth": DEPTH, name: value} for value in values]
        times = [seconds(point["images"], point["width"], point["depth"]) for point in points]
        works = [work(point["images"], point["width"], point["depth"]) for point in points]
        ratio = (times[-1] / times[0]) / (works[-1] / works[0])
        rows.append({"name": name, "ratio": ratio, "values": values, "seconds": times, "work": works})
        if not options.json:
            print(
                f"{name}: "
                + ", ".join(f"{v}: {t:.2f} s" for v, t in zip(values, times, strict=True))
                + f"; growth {ratio:.2f} of the work's"
            )
    if options.svg:
        write_text(options.svg, standalone(*map(figure, rows), columns=3))
    if options.json:
        print(json.dumps({"rows": rows}))


def figure(row: dict[str, Any]) -> Any:
    """Measured seconds, and what they would be if they grew from the largest point down as the work does."""
    ideal = [row["seconds"][-1] * work / row["work"][-1] for work in row["work"]]
    marks = [Mark(x, y, "accepted", f"{x}: {y:.2f} s") for x, y in zip(row["values"], row["seconds"], strict=True)]
    line = Line(list(zip(row["values"], ideal, strict=True)), "other")
    both = [*row["seconds"], *ideal]
    return chart(
        f"An epoch against {row['name']}",
        of_cost(row["values"], row["name"]),
        of_cost(both, "seconds (dashed: as the work)"),
        marks=marks,
        lines=[line],
    )


if __name__ == "__main__":
    main()
