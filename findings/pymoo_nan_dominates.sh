#!/bin/bash
# Expected: a candidate whose objective is NaN (a diverged training) is dominated by all, or refused.
# Seen (pymoo 0.6.2): no comparison with NaN is true, so a candidate [NaN, small latency] is never worse and, by its latency, better: it
# dominates every slower one. In ten generations of NSGA-II the whole front becomes one diverged network of the least latency, and every
# good one is gone.
# Why it matters: accuracy against latency is *the* pair of objectives of hardware-aware search, and small or fast networks are those
# whose training at a high rate diverges.
# What to do: give a large finite number (or error 1.0) for a diverged candidate, or a constraint.
set -euo pipefail
env=$(mktemp -d)
trap 'rm -rf "$env"' EXIT
python3 -m venv "$env"
"$env/bin/pip" install -q --no-compile pymoo==0.6.2 numpy==2.4.6
"$env/bin/python" - <<'EOF'
import sys

import numpy as np
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.problem import ElementwiseProblem
from pymoo.optimize import minimize

def check(holds: bool, sentence: str) -> None:
    if not holds:
        sys.exit(f"changed: {sentence}")


class Search(ElementwiseProblem):
    """Error falls as the width grows; below a tenth of the width training diverges."""

    def __init__(self, diverged: float) -> None:
        self.diverged = diverged
        super().__init__(n_var=1, n_obj=2, xl=0, xu=1)

    def _evaluate(self, x: np.ndarray, out: dict, *args: object, **kwargs: object) -> None:
        out["F"] = [self.diverged if x[0] < 0.1 else 1 - x[0], x[0]]


def front(diverged: float) -> np.ndarray:
    return minimize(Search(diverged), NSGA2(pop_size=20), ("n_gen", 10), seed=1).F


with_nan, with_one = front(float("nan")), front(1.0)
print(f"diverged as NaN: {len(with_nan)} on the front, {np.isnan(with_nan).any(axis=1).sum()} of them diverged")
print(f"diverged as error 1: {len(with_one)} on the front, least error {with_one[:, 0].min():.2f}")
check(np.isnan(with_nan[:, 0]).all(), "networks that trained stay on the front")
check(len(with_one) > 5 and with_one[:, 0].min() < 0.2, "with a finite number the front is found")
EOF
