#!/bin/bash
# Expected: with_epoch(n) makes an epoch of n samples out of a longer stream, and the next epoch goes on behind them.
# Seen (webdataset 1.0.2): every epoch starts the stream again, so that with n = 8 and 20 samples the other 12 are never read, epoch after
# epoch. Only with resampled shards, or with many shuffled ones, do others come.
# Why it matters: face sets have long lists of identities in order, in few shards on a small machine; "short epochs" then train on the
# first people alone, and the loss looks fine.
# What to do: .repeat() without with_epoch, with one iterator that is kept over the epochs (checked below); count the identities that were
# seen.
set -euo pipefail
env=$(mktemp -d)
trap 'rm -rf "$env"' EXIT
python3 -m venv "$env"
"$env/bin/pip" install -q --no-compile webdataset==1.0.2 numpy==2.4.6
"$env/bin/python" - <<'EOF'
import itertools
import os
import sys
import tempfile

import webdataset

def check(holds: bool, sentence: str) -> None:
    if not holds:
        sys.exit(f"changed: {sentence}")


path = os.path.join(tempfile.mkdtemp(dir=sys.prefix), "people.tar")
with webdataset.TarWriter(path) as writer:
    for person in range(20):
        writer.write({"__key__": f"{person:03d}", "cls": person})


def people() -> webdataset.WebDataset:
    return webdataset.WebDataset(path, shardshuffle=False).decode().to_tuple("cls")


for name, data in {"with_epoch(8)": people().with_epoch(8), "repeat().with_epoch(8)": people().repeat().with_epoch(8)}.items():
    epochs = [[sample[0] for sample in data] for _ in range(3)]
    print(f"{name}:", *epochs)
    check(epochs == [list(range(8))] * 3, f"the second epoch of {name} goes on behind the first")
kept = iter(people().repeat())
epochs = [[sample[0] for sample in itertools.islice(kept, 8)] for _ in range(3)]
print("one iterator of repeat(), kept:", *epochs)
check(epochs[1] == list(range(8, 16)), "a kept iterator goes on")
EOF
