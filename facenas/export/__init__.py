"""Trained networks as files that others can run."""

from facenas.export.onnx import ExportError, Parity, export_onnx

__all__ = ["ExportError", "Parity", "export_onnx"]
