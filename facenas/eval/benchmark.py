"""What a face benchmark is: settings that open it; once open, pictures to embed, and what their embeddings are worth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pydantic import Field

from facenas.data.faces import Size
from facenas.data.looks import Looks
from facenas.eval.bootstrap import Decisions
from facenas.eval.embed import Embeddings
from facenas.eval.pictures import Pictures
from facenas.eval.weighting import Weighting
from facenas.registry import Registry
from facenas.settings import Section

Curve = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Conditions:
    """What a benchmark is opened for.

    Attributes:
        size: Side of an image in pixels, or height and width, as the model expects it.
        seen: People that the model was trained on or selected by, per data set.
        looks: Looks of these people's photographs, by which they are known in other data sets.
        most_pairs: Most genuine pairs, and as many impostor pairs, where pairs are drawn.
        weighting: How the photographs of a template are weighed.
        replicates: Resamplings of the people for confidence intervals; 0: none.
        seed: Seed of everything that is drawn.
    """

    size: Size
    seen: Mapping[str, Sequence[str]]
    looks: Sequence[Looks] = ()
    most_pairs: int = 3000
    weighting: Weighting = field(default_factory=Weighting)
    replicates: int = 0
    seed: int = 0


class BenchmarkSection(Section):
    """The settings of a benchmark; its own class adds `name: Literal["..."]` and what it needs to find its files."""

    def benchmark(self, conditions: Conditions) -> "Benchmark":
        """Open the benchmark's files.

        Args:
            conditions: What the benchmark is opened for: size of an image, people seen, seed.

        Raises:
            DataError: If the files are missing or damaged.
        """
        raise NotImplementedError

    def present(self) -> bool | None:
        """Whether the benchmark's files are there, for `--benchmark all`; None: it is measured only where it is named."""
        return None


class BenchmarkFiles(BenchmarkSection):
    """A benchmark in a folder, some of whose pictures may be missing."""

    root: Path = Field(Path("benchmarks"), description="Folder of the benchmarks, or the file itself.")
    most_missing: float = Field(
        0.5, ge=0, le=1, description="Share of the pictures that may be missing or unreadable; what needs them is left out and counted."
    )


BENCHMARKS = Registry("facenas.benchmarks", "facenas.eval.benchmarks", BenchmarkSection)


class Result(Protocol):
    """Figures of a model: a dataclass of plain values, which the report is made of; rates are fractions.

    A result may also have `rows(title, others)`, which lays out its `facenas.eval.result_table.ResultTable`; else each figure is a row.

    Attributes:
        left_out: Number of the questions, by what they are about, that could not be asked since pictures are missing or unreadable.
    """

    @property
    def left_out(self) -> dict[str, int]: ...  # noqa: D102
    @property
    def rates(self) -> dict[str, float]:
        """The headline figures, by what is added to the benchmark's name: `""`, ` rank 1`."""


class Benchmark(Protocol):
    """An open benchmark: pictures to embed, and a protocol that measures the embeddings.

    Attributes:
        name: Name of the benchmark.
        pictures: The M pictures to embed.
        remark: What is odd about the benchmark, "" if nothing is.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def pictures(self) -> Pictures: ...  # noqa: D102
    @property
    def remark(self) -> str: ...  # noqa: D102

    def rows_of(self, saved: Embeddings, path: Path) -> Embeddings:
        """Embeddings (M, D) of the benchmark's pictures, in their order, from those that a file holds.

        Args:
            saved: Embeddings (K, D) as they were read from the file.
            path: The file, for the message.

        Raises:
            DataError: If they are not as many as there are pictures.
        """

    def measure(self, features: Embeddings) -> Result:
        """The figures of raw embeddings (M, D) of all pictures; those of pictures that could not be read are NaN."""

    def decisions(self, features: Embeddings) -> list[Decisions]:
        """The answers question by question, for each headline rate: models are compared by these."""

    def curves(self, features: Embeddings) -> dict[str, Curve]:
        """Points of the curves to draw: `roc`, (false accept rate, true accept rate); `cmc`, (rank, identification rate)."""
