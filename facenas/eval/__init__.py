"""Protocols and metrics; embeddings come from a function, so any model can be measured."""

from facenas.eval.embed import Embedder, torch_embedder
from facenas.eval.extract import Features, extract, kept, unit
from facenas.eval.onnx_model import onnx_embedder, onnx_session
from facenas.eval.verification import Verification, verify

__all__ = ["Embedder", "Features", "Verification", "extract", "kept", "onnx_embedder", "onnx_session", "torch_embedder", "unit", "verify"]
