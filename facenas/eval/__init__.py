"""Protocols and metrics; embeddings come from a function, so any model can be measured."""

from facenas.eval.embed import Embedder, onnx_embedder, onnx_session, torch_embedder
from facenas.eval.extract import Features, extract, unit
from facenas.eval.verification import Verification, verify

__all__ = ["Embedder", "Features", "Verification", "extract", "onnx_embedder", "onnx_session", "torch_embedder", "unit", "verify"]
