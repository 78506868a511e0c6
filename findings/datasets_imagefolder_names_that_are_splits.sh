#!/bin/bash
# Expected: a folder with one folder for each person gives one split with all people as labels.
# Seen (datasets 5.2.0): as soon as one person's folder contains a word such as val, dev, eval, test or train before a _ . - or space
# (val_kilmer, dev_patel), that person becomes the split of this name and *all other people are gone*; with one such person there is no
# column of labels either. No warning. Upper case (Val_Kilmer) is safe, lower case is not.
# Why it matters: face data is folders named after people or by short codes. A training run sees one person, or none of the others.
# What to do: give data_files={"train": "**"} to load_dataset, or count the rows that come back.
set -euo pipefail
env=$(mktemp -d)
trap 'rm -rf "$env"' EXIT
python3 -m venv "$env"
"$env/bin/pip" install -q --no-compile datasets==5.2.0 pillow==12.3.0 numpy==2.4.6
"$env/bin/python" - <<'EOF'
import os
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HOME"] = tempfile.mkdtemp(dir=sys.prefix)
from datasets import disable_progress_bars, load_dataset
from PIL import Image

def check(holds: bool, sentence: str) -> None:
    if not holds:
        sys.exit(f"changed: {sentence}")


def loaded(*people: str, **options: object) -> dict:
    root = tempfile.mkdtemp(dir=sys.prefix)
    for person in people:
        os.makedirs(f"{root}/{person}")
        for shade in (10, 200):
            Image.new("RGB", (8, 8), (shade, 0, 0)).save(f"{root}/{person}/{shade}.png")
    splits = load_dataset("imagefolder", data_dir=root, **options)
    rows = {name: (len(split), split.features["label"].names if "label" in split.features else None) for name, split in splits.items()}
    print(people, "->", rows)
    return rows


disable_progress_bars()
check(loaded("ann_lee", "bob_ray") == {"train": (4, ["ann_lee", "bob_ray"])}, "ordinary names are labels")
check(loaded("ann_lee", "bob_ray", "val_kilmer") == {"validation": (2, None)}, "val_kilmer is a person like the others")
check(loaded("Ann_Lee", "Val_Kilmer") == {"train": (4, ["Ann_Lee", "Val_Kilmer"])}, "upper case is safe")
check("train" not in loaded("ann_lee", "dev_patel", "test_y"), "people beside dev_patel and test_y are kept")
every = loaded("ann_lee", "bob_ray", "val_kilmer", data_files={"train": "**"})
check(every == {"train": (6, ["ann_lee", "bob_ray", "val_kilmer"])}, "data_files brings all people back")
EOF
