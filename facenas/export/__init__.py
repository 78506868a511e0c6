"""Trained networks as files that others can run."""

from facenas.export.latency import TARGET, Target, measure_latency
from facenas.export.latency_table import LatencyTable
from facenas.export.network import Exported, Format, export_network
from facenas.export.onnx import ExportError
from facenas.export.parity import Parity

__all__ = ["TARGET", "ExportError", "Exported", "Format", "LatencyTable", "Parity", "Target", "export_network", "measure_latency"]
