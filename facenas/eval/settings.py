"""The settings of `facenas eval`."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from facenas.data import FaceSource, InputContract
from facenas.data.contract import Divisor, ImageSize, Layout, PerChannel
from facenas.data.sources.source import SOURCES
from facenas.errors import SettingsError
from facenas.eval.benchmark import BENCHMARKS, BenchmarkSection
from facenas.eval.weighting import Weighting
from facenas.registry import OneOf
from facenas.settings import Section, assigned, load, presets

MEASURED = OneOf(SOURCES, FaceSource, also=OneOf(BENCHMARKS))  # pairs are drawn from any faces
BenchmarkSource = Annotated[FaceSource | BenchmarkSection, MEASURED]


class ContractOverride(Section):
    """What the user knows of the input of a model that does not say it; null: what most models of the field expect."""

    size: ImageSize | None = Field(None, description="Image side in pixels, or height and width: [112, 96].")
    color: Literal["rgb", "bgr"] | None = Field(None, description="Channel order.")
    mean: PerChannel | None = Field(None, description="Subtracted from 0..255 values: one number, or one per channel.")
    std: Divisor | None = Field(None, description="Divisor after the subtraction: one number, or one per channel.")
    layout: Layout | None = Field(None, description="ONNX: nchw, or nhwc where channels are the last axis.")

    def applied(self, contract: InputContract) -> InputContract:
        """The contract with these parts replaced."""
        return InputContract.model_validate(contract.model_dump() | self.model_dump(exclude_none=True))


class EvalSettings(Section):
    """A benchmark and how it is run."""

    data: BenchmarkSource = Field(description="Photographs; people that the model has seen are left out where they are known.")
    most_pairs: int = Field(3000, ge=10, description="Most genuine pairs, and as many impostor pairs, where pairs are drawn.")
    flip: bool = Field(True, description="Whether the mirror image's embedding is added, as the published protocol does.")
    weighting: Weighting = Field(Weighting(), description="IJB only; the default is arcface_torch's.")
    replicates: int = Field(1000, ge=0, description="Resamplings of the people for confidence intervals; 0: none.")
    batch_size: int = Field(64, ge=1, description="Photographs per forward pass.")
    workers: int | None = Field(None, ge=1, description="Threads that decode photographs; null: as many as cores.")
    cache: bool = Field(True, description="Whether embeddings are kept for the next protocol.")
    input: ContractOverride = Field(ContractOverride(), description="What is known of the model's input, if it does not say it.")
    seed: int = Field(0, description="Seed of the choice of pairs and of the resamplings.")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Where torch models run; ONNX runs on the CPU.")


def eval_settings(name: str, *, config: str | None = None, overrides: Sequence[str] = (), also: Sequence[str] = ()) -> EvalSettings:
    """The settings of the benchmark of a name.

    Args:
        name: Name of one of our benchmarks, of a source of faces, or of a benchmark of an installed package.
        config: A YAML file instead of the benchmark's defaults.
        overrides: Assignments such as `data.root=FOLDER`.
        also: Other names that the caller knows, for the message.

    Raises:
        SettingsError: If there is no such benchmark, or a setting is wrong.
    """
    if name not in MEASURED.members:
        raise SettingsError(f"unknown benchmark {name!r}; {BENCHMARKS.hint(name, [*MEASURED.members, *also])}")
    if config or name in presets("eval"):
        return load(EvalSettings, command="eval", preset=config or name, overrides=overrides)
    return assigned(EvalSettings, {"data": {"name": name}}, overrides, told=name)


def benchmarks_present(overrides: Sequence[str]) -> tuple[list[str], list[str]]:
    """The benchmarks whose files are there, and those whose are not, of all that can tell.

    Args:
        overrides: Assignments such as `data.root=FOLDER`, which hold for all of them.
    """
    found: dict[bool, list[str]] = {True: [], False: []}
    for name in (name for name, member in sorted(BENCHMARKS.members.items()) if member.present is not BenchmarkSection.present):
        source = eval_settings(name, overrides=overrides).data
        if isinstance(source, BenchmarkSection) and (there := source.present()) is not None:
            found[there].append(name)
    return found[True], found[False]
