"""What a detector's settings are, and the detectors that exist."""

from pydantic import Field

from facenas.recognition.faces import Detector
from facenas.registry import Registry
from facenas.settings import Section


class DetectorSection(Section):
    """The settings of a detector; its own class adds `name: Literal["..."]`."""

    model: str | None = Field(None, description="Its model file, where it takes one; null: the usual one.")

    def build(self) -> Detector:
        """Make the detector.

        Raises:
            DataError: If the detector's package is not installed, or its model file cannot be downloaded.
            ModelError: If its model file is of another kind.
        """
        raise NotImplementedError


DETECTORS = Registry("facenas.detectors", "facenas.recognition.detectors", DetectorSection)
NOTHING = "none"  # stands for no detector: each picture is an aligned face
