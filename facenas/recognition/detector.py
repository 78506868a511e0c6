"""What a detector's settings are, and the detectors that exist."""

from pydantic import Field

from facenas.recognition.faces import Detector
from facenas.registry import Registry
from facenas.settings import Section


class DetectorSection(Section):
    """The settings of a detector; its own class adds `name: Literal["..."]`."""

    model: str | None = Field(None, description="Its model file, where it takes one; null: the usual one.")

    def build(self) -> Detector:
        """The detector.

        Raises:
            DataError: If it is not installed, or cannot be downloaded.
            ModelError: If its model file is not one.
        """
        raise NotImplementedError


DETECTORS = Registry("facenas.detectors", "facenas.recognition.detectors", DetectorSection)
NOTHING = "none"  # stands for no detector: each picture is an aligned face
