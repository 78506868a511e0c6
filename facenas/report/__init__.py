"""Reports for people: one file each, without network, scripts or fonts."""

from facenas.report.search import page, write_report

__all__ = ["page", "write_report"]
