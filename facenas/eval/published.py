"""What the EGNAS paper printed of its face networks and AdaFace's, to stand beside measured figures.

Source: EGNAS, Table 6 (accuracy) and Table 7 (TAR at FAR 1e-4 on IJB, rank-k rates on TinyFace). The paper trained on CASIA-WebFace; its
parameters include the margin head.
"""

from typing import NamedTuple


class Published(NamedTuple):
    """A row of the tables; rates are fractions."""

    method: str
    parameters: float
    rates: dict[str, float]


BENCHMARKS = ("lfw", "cfp_fp", "cplfw", "agedb_30", "calfw", "ijbb", "ijbc", "tinyface rank 1", "tinyface rank 5", "tinyface rank 20")


def _row(method: str, millions: float, *percents: float) -> Published:
    return Published(method, 1e6 * millions, {name: round(rate / 100, 6) for name, rate in zip(BENCHMARKS, percents, strict=True)})


PUBLISHED = (
    _row("AdaFace, R-18-512", 29.4, 99.10, 92.91, 85.97, 92.93, 92.67, 93.11, 94.03, 54.85, 60.30, 64.10),
    _row("EGNAS small, R-58-256", 14.6, 99.33, 93.80, 88.60, 93.43, 92.93, 92.06, 92.60, 57.78, 62.66, 66.36),
    _row("AdaFace, R-50-512", 49.0, 99.40, 94.71, 89.33, 93.88, 93.33, 94.52, 95.34, 57.32, 62.63, 66.66),
    _row("EGNAS medium, R-34-512", 37.1, 99.35, 95.13, 89.83, 94.27, 93.68, 93.22, 93.65, 58.66, 64.54, 67.97),
)
