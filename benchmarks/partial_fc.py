"""Memory and time of a step with all class centres, and with a sampled share of them, on one CPU process.

    python benchmarks/partial_fc.py [--identities 10000 100000 1000000] [--threads 2] [--json]

Each case runs in a process of its own: `full` is the plain head, the others are Partial FC at rate 1 and 0.1; the last with RowSGD, the
others with torch.optim.SGD. `step_gb` is the most memory resident during the steps, over what is resident with the centres loaded;
`optimiser_gb` is the momentum, of which `stepped_gb` are read and written in a step. `ratio` is the full head's time over the case's.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
from turns import workers_end

from facenas.heads import PartialFC, RowSGD, margin_loss
from facenas.heads.settings import ArcFaceHead
from facenas.training.device import make_fabric

BATCH, D, STEPS = 64, 512, 5
CASES = (("full", 1.0), ("partial", 1.0), ("partial", 0.1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--identities", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--case", nargs=2, metavar=("KIND", "RATE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(options.case[0], options.identities[0], float(options.case[1]), options.threads)))
        return
    rows: list[dict[str, Any]] = []
    for identities in options.identities:
        group = [run(kind, identities, rate, options.threads) for kind, rate in CASES]
        rows += [{**row, "ratio": group[0]["ms"] / row["ms"]} for row in group]
    if options.json:
        print(json.dumps({"rows": rows}))
        return
    for row in rows:
        memory = f"{row['centres_gb']:.2f} GB of centres, {row['step_gb']:.2f} GB in the steps, {row['optimiser_gb']:.2f} GB of momentum"
        print(f"{row['name']}: {row['ms']:.0f} ms, {row['ratio']:.1f} x full, {memory}")


def run(kind: str, identities: int, rate: float, threads: int) -> dict[str, Any]:
    case = ["--case", kind, str(rate), "--identities", str(identities), "--threads", str(threads)]
    with workers_end():
        answer = subprocess.run([sys.executable, __file__, *case], stdout=subprocess.PIPE, text=True, check=True)
    row: dict[str, Any] = json.loads(answer.stdout)
    return row


def measure(kind: str, identities: int, rate: float, threads: int) -> dict[str, Any]:
    torch.set_num_threads(threads)
    make_fabric("cpu", "fp32")  # the allocator as in training
    torch.manual_seed(0)
    head = ArcFaceHead().build(D, identities) if kind == "full" else PartialFC(ArcFaceHead(), D, identities, sample_rate=rate)
    recipe = {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4}
    optimiser = torch.optim.SGD(head.parameters(), fused=True, **recipe) if rate == 1 else RowSGD(head.parameters(), **recipe)
    x = torch.randn(BATCH, D, requires_grad=True)
    before, times = resident("VmRSS"), []
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    for _ in range(1 + STEPS):
        labels = torch.randint(identities, (BATCH,))
        start = time.perf_counter()
        optimiser.zero_grad()
        loss = margin_loss(head, x, labels).loss if kind == "full" else head(x, labels).loss
        loss.backward()
        optimiser.step()
        times.append(time.perf_counter() - start)
    grad = head.weight.grad
    assert grad is not None
    return {
        "name": f"{identities} identities, {kind if kind == 'full' else f'rate {rate:g}'}",
        "ms": 1e3 * median(times[1:]),
        "centres_gb": 4e-9 * head.weight.numel(),
        "step_gb": resident("VmHWM") - before,
        "optimiser_gb": 4e-9 * optimiser.state[head.weight]["momentum_buffer"].numel(),
        "stepped_gb": 4e-9 * (grad._values() if grad.is_sparse else grad).numel(),
    }


def resident(field: str) -> float:
    """Gigabytes of this process's memory, now (VmRSS) or at most (VmHWM)."""
    lines = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return 1.024e-6 * int(lines[field].split()[0])


if __name__ == "__main__":
    main()
