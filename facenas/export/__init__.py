"""Trained networks as files that others can run."""

from typing import TYPE_CHECKING

from facenas.lazily import lazily

if TYPE_CHECKING:
    from facenas.export.format import FORMATS, ExportError, Format, FormatSection
    from facenas.export.latency import measure_latency
    from facenas.export.latency_table import LatencyTable
    from facenas.export.network import Exported, export_network
    from facenas.export.parity import Parity
    from facenas.export.target import TARGET, Target

__all__ = [
    "FORMATS",
    "TARGET",
    "ExportError",
    "Exported",
    "Format",
    "FormatSection",
    "LatencyTable",
    "Parity",
    "Target",
    "export_network",
    "measure_latency",
]
__getattr__ = lazily(
    __name__,
    {
        "facenas.export.format": ("FORMATS", "ExportError", "Format", "FormatSection"),
        "facenas.export.latency": ("measure_latency",),
        "facenas.export.latency_table": ("LatencyTable",),
        "facenas.export.network": ("Exported", "export_network"),
        "facenas.export.parity": ("Parity",),
        "facenas.export.target": ("TARGET", "Target"),
    },
)
