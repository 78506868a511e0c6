"""Protocols and metrics; embeddings come from a function, so any model can be measured."""

from facenas.eval.embed import Embedder, embed_images, onnx_embedder, onnx_session, torch_embedder
from facenas.eval.verification import Verification, verify

__all__ = ["Embedder", "Verification", "embed_images", "onnx_embedder", "onnx_session", "torch_embedder", "verify"]
