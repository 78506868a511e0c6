"""facenas: search, train, evaluate and export face-recognition backbones."""

__version__ = "0.1.0"
