"""Trained networks as files that others can run."""

from facenas.export.latency import measure_latency
from facenas.export.network import Exported, Format, export_network
from facenas.export.onnx import ExportError
from facenas.export.parity import Parity

__all__ = ["ExportError", "Exported", "Format", "Parity", "export_network", "measure_latency"]
