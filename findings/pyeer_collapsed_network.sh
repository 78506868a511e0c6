#!/bin/bash
# Expected: when all scores are equal (an embedding that has collapsed to one point) nothing can be told apart: AUC 0.5 and EER 50 %.
# Seen (pyeer 0.5.6): AUC 0.0 and EER 100 %, as if the system told apart perfectly the wrong way round (with a warning that the type of
# scores may be the wrong one). Scores that are rounded to whole numbers lose a point of AUC, too; those with one or more decimals agree
# with Mann-Whitney's statistic.
# Why it matters: a collapsed network is the commonest failure of training with a margin, and int8 or rounded scores tie often. A search
# that flips "worse than chance" scores would pick it as its best.
# What to do: count ties as half (scipy.stats.mannwhitneyu).
set -euo pipefail
env=$(mktemp -d)
trap 'rm -rf "$env"' EXIT
python3 -m venv "$env"
"$env/bin/pip" install -q --no-compile pyeer==0.5.6 numpy==2.4.6 scipy==1.17.1
"$env/bin/python" - <<'EOF'
import sys

import numpy as np
from pyeer.eer_info import get_eer_stats
from scipy.stats import mannwhitneyu

def check(holds: bool, sentence: str) -> None:
    if not holds:
        sys.exit(f"changed: {sentence}")


def areas(genuine: np.ndarray, impostor: np.ndarray) -> tuple[float, float, float]:
    stats = get_eer_stats(genuine, impostor)
    return stats.auc, mannwhitneyu(genuine, impostor).statistic / len(genuine) / len(impostor), stats.eer


generator = np.random.default_rng(0)
genuine, impostor = generator.normal(0.6, 0.2, 1000), generator.normal(0.1, 0.2, 1000)
equal = np.full(10, 0.5)
for name, pair in {"free": (genuine, impostor), "whole": (genuine.round(), impostor.round()), "equal": (equal, equal)}.items():
    area, true, eer = areas(*pair)
    print(f"{name} scores: AUC {area:.4f}, with ties as half {true:.4f}, EER {eer:.3f}")
    check((abs(area - true) < 1e-3) == (name == "free"), f"{name} scores are counted otherwise now")
check(eer == 1.0 and area == 0.0, "equal scores are chance")
EOF
