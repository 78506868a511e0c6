"""How the photographs of a template are weighed."""

from typing import Literal

from pydantic import Field

from facenas.settings import Section


class Weighting(Section):
    """How the photographs of a template are weighed (IJB); the published tables differ in it."""

    norm: Literal["keep", "unit"] = Field("keep", description="Whether a photograph's embedding keeps its length.")
    detector: bool = Field(True, description="Whether it is multiplied by the face detector's score.")
