#!/bin/bash
# Expected: the vector of a configuration lists the operators in the order in which they were added, layer by layer; estimate_size of a
# space with a condition counts what can be sampled.
# Seen (ConfigSpace 1.2.2): parameters are sorted as text, so op_10 and op_11 stand between op_1 and op_2; and with a margin that exists
# for one of two heads the size is the full product, 20 instead of 11.
# Why it matters: get_array is what surrogates, kernels over neighbouring layers and tables of searched networks are built from. Networks
# of ten or fewer layers look right.
# What to do: pad the numbers (op_02), read values by name, and count conditional spaces oneself.
set -euo pipefail
env=$(mktemp -d)
trap 'rm -rf "$env"' EXIT
python3 -m venv "$env"
"$env/bin/pip" install -q --no-compile ConfigSpace==1.2.2
"$env/bin/python" - <<'EOF'
import sys

from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Integer

def check(holds: bool, sentence: str) -> None:
    if not holds:
        sys.exit(f"changed: {sentence}")


layers = ConfigurationSpace(seed=0)
layers.add([Categorical(f"op_{layer}", ["separable", "plain"]) for layer in range(12)])
print("order of the vector:", *layers)
check(list(layers)[:5] == ["op_0", "op_1", "op_10", "op_11", "op_2"], "the order is the one of adding")
heads = ConfigurationSpace(seed=0)
head, margin = Categorical("head", ["softmax", "arcface"]), Integer("margin", (1, 10))
heads.add(head, margin)
heads.add(EqualsCondition(margin, head, "arcface"))
distinct = len({tuple(sorted(dict(drawn).items())) for drawn in heads.sample_configuration(2000)})
print(f"estimate_size {heads.estimate_size():.0f}, different configurations among 2,000 {distinct}")
check((heads.estimate_size(), distinct) == (20, 11), "conditions are counted")
EOF
