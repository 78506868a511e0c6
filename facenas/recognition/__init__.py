"""Using a model: faces found and aligned, models of any origin, comparison, galleries."""

from facenas.recognition.face_model import FaceModel, align, load

__all__ = ["FaceModel", "align", "load"]
