"""Reports for people: one file each, without network, scripts or fonts."""

from typing import TYPE_CHECKING

from facenas.lazily import lazily

if TYPE_CHECKING:
    from facenas.report.search import page, write_report

__all__ = ["page", "write_report"]
__getattr__ = lazily(
    __name__,
    {
        "facenas.report.search": ("page", "write_report"),
    },
)
