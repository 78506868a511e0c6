"""Margin heads: embeddings (B, D) that are not normalised, and labels (B,), to logits (B, N) for cross-entropy."""

from facenas.heads.adaface import AdaFace
from facenas.heads.arcface import ArcFace
from facenas.heads.cosface import CosFace
from facenas.heads.settings import Head
from facenas.heads.softmax import Softmax

__all__ = ["AdaFace", "ArcFace", "CosFace", "Head", "Softmax"]
