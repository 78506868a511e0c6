"""Trained networks as files that others can run."""

from facenas.export.latency import TARGET, Target, measure_latency
from facenas.export.latency_table import LatencyTable
from facenas.export.onnx import ExportError, Parity, export_onnx

__all__ = ["TARGET", "ExportError", "LatencyTable", "Parity", "Target", "export_onnx", "measure_latency"]
