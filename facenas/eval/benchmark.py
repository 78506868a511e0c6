"""A face benchmark that is ready to be run: pictures to embed, and what their embeddings are worth."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from facenas.eval.bootstrap import Decisions
from facenas.eval.embed import Embeddings
from facenas.eval.pictures import Pictures

Curve = Sequence[tuple[float, float]]


class Result(Protocol):
    """Figures of a model: a dataclass of plain values; rates are fractions.

    Attributes:
        left_out: Number of the questions, by what they are about, that could not be asked since pictures are missing or unreadable.
    """

    @property
    def left_out(self) -> dict[str, int]: ...  # noqa: D102
    @property
    def rates(self) -> dict[str, float]:
        """The headline figures, by what is added to the benchmark's name: `""`, ` rank 1`."""


class Benchmark(Protocol):
    """Pictures, and a protocol.

    Attributes:
        name: Of the benchmark.
        pictures: What is embedded, M pictures.
        remark: What is odd about it, "" if nothing is.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def pictures(self) -> Pictures: ...  # noqa: D102
    @property
    def remark(self) -> str: ...  # noqa: D102

    def rows_of(self, saved: Embeddings, path: Path) -> Embeddings:
        """Embeddings (M, D) of its pictures from those that a file holds.

        Raises:
            DataError: If they are not as many as there are pictures.
        """

    def measure(self, features: Embeddings) -> Result:
        """What raw embeddings (M, D) of all pictures are worth; those of pictures that could not be read are NaN."""

    def decisions(self, features: Embeddings) -> list[Decisions]:
        """What it decides question by question, for each headline rate: models are compared by these."""

    def curves(self, features: Embeddings) -> dict[str, Curve]:
        """Points to draw: `roc`, (false accept rate, true accept rate); `cmc`, (rank, identification rate)."""
