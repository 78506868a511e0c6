"""Where images come from: photographs of faces and published sets of labelled images."""

from facenas.lazily import lazily

PLACES = {"facenas.data.sources.face_sources": ("development_faces", "open_faces", "test_names")}
__getattr__ = lazily(__name__, PLACES)
