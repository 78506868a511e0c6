"""Margin heads: embeddings (B, D) that are not normalised, and labels (B,), to logits (B, N) or straight to the loss.

A head is class centres and a rule, one rule a file; `PartialFC` spreads the centres over ranks and samples them.
"""

from facenas.heads.head import MarginHead, margin_loss
from facenas.heads.loss import MarginLoss
from facenas.heads.partial import PartialFC
from facenas.heads.row_sgd import RowSGD
from facenas.heads.settings import Head
from facenas.heads.shards import merge_shards, split_shards

__all__ = ["Head", "MarginHead", "MarginLoss", "PartialFC", "RowSGD", "margin_loss", "merge_shards", "split_shards"]
