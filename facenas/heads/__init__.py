"""Margin heads: embeddings (B, D) that are not normalised, and labels (B,), to logits (B, N) or straight to the loss.

A head is class centres and a rule, one head a file; `PartialFC` spreads the centres over ranks and samples them. `AdaFace`, `ArcFace` and
the others are modules for any training loop; `Head` are their settings.
"""

from facenas.heads.adaface import AdaFace
from facenas.heads.arcface import ArcFace
from facenas.heads.combined import CombinedMargin
from facenas.heads.cosface import CosFace
from facenas.heads.curricularface import CurricularFace
from facenas.heads.head import MarginHead, margin_loss
from facenas.heads.loss import MarginLoss
from facenas.heads.magface import MagFace
from facenas.heads.partial import PartialFC
from facenas.heads.row_sgd import RowSGD
from facenas.heads.settings import HEADS, Head, HeadSection
from facenas.heads.shards import merge_shards, split_shards
from facenas.heads.softmax import NormSoftmax
from facenas.heads.subcentres import SubcentreArcFace

__all__ = [
    "HEADS",
    "AdaFace",
    "ArcFace",
    "CombinedMargin",
    "CosFace",
    "CurricularFace",
    "Head",
    "HeadSection",
    "MagFace",
    "MarginHead",
    "MarginLoss",
    "NormSoftmax",
    "PartialFC",
    "RowSGD",
    "SubcentreArcFace",
    "margin_loss",
    "merge_shards",
    "split_shards",
]
