"""The settings of `facenas eval`."""

from typing import Literal

from pydantic import Field

from facenas.data import FaceSources, InputContract
from facenas.settings import Section


class ContractOverride(Section):
    """Parts of the input contract that replace the model's own; null: as the model says."""

    size: int | None = Field(None, ge=1, description="Image side in pixels.")
    color: Literal["rgb", "bgr"] | None = Field(None, description="Channel order.")
    mean: tuple[float, ...] | None = Field(None, description="Subtracted from 0..255 values.")
    std: tuple[float, ...] | None = Field(None, description="Divisor after the subtraction.")

    def applied(self, contract: InputContract) -> InputContract:
        """The contract with these parts replaced."""
        return InputContract.model_validate(contract.model_dump() | self.model_dump(exclude_none=True))


class EvalSettings(Section):
    """A verification benchmark and how it is run."""

    data: FaceSources = Field(description="Photographs; people that the model has seen are left out.")
    most_pairs: int = Field(3000, ge=10, description="Most genuine pairs, and as many impostor pairs.")
    flip: bool = Field(True, description="Whether the mirror image's embedding is added, as the published protocol does.")
    batch_size: int = Field(64, ge=1, description="Images per forward pass.")
    input: ContractOverride = Field(ContractOverride(), description="Corrections of the model's input contract.")
    seed: int = Field(0, description="Seed of the choice of pairs.")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Where torch models run; ONNX runs on the CPU.")
