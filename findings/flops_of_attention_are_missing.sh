#!/bin/bash
# Expected: counters of multiply-accumulates agree on a layer of self-attention, 49 tokens of 64 numbers: 802,816 in the projections and
# 307,328 in the two products, 1,110,144 in all.
# Seen (torch 2.14.1 on a CPU, fvcore 0.1.5.post20221221, thop 0.1.1.post2209072238, torchinfo 1.8.0): nn.MultiheadAttention counts 0 in
# torch's FlopCounterMode and in thop when it is in eval mode, where it takes a fused path; fvcore and FlopCounterMode in train mode count
# the projections alone: scaled_dot_product_attention is no operation to any of them on a CPU. torchinfo counts a Linear once, not once a
# token.
# Why it matters: face networks with attention are compared with convolutional ones by "MACs", counted in eval mode.
# What to do: replace attention by explicit matrix products for counting, and check one layer by hand.
set -euo pipefail
env=$(mktemp -d)
trap 'rm -rf "$env"' EXIT
python3 -m venv "$env"
"$env/bin/pip" install -q --no-compile torch==2.14.1 numpy==2.4.6 fvcore==0.1.5.post20221221 thop==0.1.1.post2209072238 torchinfo==1.8.0
"$env/bin/python" - <<'EOF'
import logging
import sys

import torch
from fvcore.nn import FlopCountAnalysis
from thop import profile
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.flop_counter import FlopCounterMode
from torchinfo import summary

def check(holds: bool, sentence: str) -> None:
    if not holds:
        sys.exit(f"changed: {sentence}")


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.MultiheadAttention(64, 4, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x, x, x, need_weights=False)[0]


class Product(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return scaled_dot_product_attention(x[:, None], x[:, None], x[:, None])[:, 0]


@torch.no_grad()
def counted(network: nn.Module) -> int:
    with FlopCounterMode(display=False) as counter:
        network(tokens)
    return counter.get_total_flops() // 2


logging.disable(logging.CRITICAL)
tokens, network = torch.randn(1, 49, 64), Attention()
fv = FlopCountAnalysis(network.eval(), tokens).unsupported_ops_warnings(False).total()
rows = {
    "FlopCounterMode, eval": (counted(network.eval()), 0),
    "FlopCounterMode, train": (counted(network.train()), 802816),
    "fvcore, eval": (fv, 802816),
    "the product alone, FlopCounterMode": (counted(Product().eval()), 0),
    "the product alone, fvcore": (FlopCountAnalysis(Product(), tokens).unsupported_ops_warnings(False).total(), 0),
    "thop, eval": (profile(network.eval(), (tokens,), verbose=False)[0], 0),
    "one Linear of 802,816 by torchinfo": (summary(nn.Linear(64, 256, bias=False), input_data=tokens, verbose=0).total_mult_adds, 16384),
}
for name, (got, stated) in rows.items():
    print(f"{name}: {got:,.0f}")
    check(got == stated, f"{name} counts {got:,.0f} now")
EOF
