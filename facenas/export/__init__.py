"""Trained networks as files that others can run."""

from facenas.export.latency import measure_latency
from facenas.export.onnx import ExportError, Parity, export_onnx

__all__ = ["ExportError", "Parity", "export_onnx", "measure_latency"]
