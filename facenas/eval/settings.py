"""The settings of `facenas eval`."""

from typing import Annotated, Literal

from pydantic import Field

from facenas.data import FaceSource, InputContract
from facenas.data.benchmarks.settings import IjbFiles, PairList, TinyFaceFiles, VerificationFiles
from facenas.data.contract import Divisor, ImageSize, Layout, PerChannel
from facenas.settings import Section

BenchmarkSource = Annotated[FaceSource | VerificationFiles | PairList | IjbFiles | TinyFaceFiles, Field(discriminator="name")]


class ContractOverride(Section):
    """What is known of the input of a model that does not say it; null: by the convention."""

    size: ImageSize | None = Field(None, description="Image side in pixels, or height and width: [112, 96].")
    color: Literal["rgb", "bgr"] | None = Field(None, description="Channel order.")
    mean: PerChannel | None = Field(None, description="Subtracted from 0..255 values: one number, or one per channel.")
    std: Divisor | None = Field(None, description="Divisor after the subtraction: one number, or one per channel.")
    layout: Layout | None = Field(None, description="ONNX: nchw, or nhwc where channels are the last axis.")

    def applied(self, contract: InputContract) -> InputContract:
        """The contract with these parts replaced."""
        return InputContract.model_validate(contract.model_dump() | self.model_dump(exclude_none=True))


class Weighting(Section):
    """How the photographs of a template are weighed (IJB); the published tables differ in it."""

    norm: Literal["keep", "unit"] = Field("keep", description="Whether a photograph's embedding keeps its length.")
    detector: bool = Field(True, description="Whether it is multiplied by the face detector's score.")


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
