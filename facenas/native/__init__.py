"""The few operations in C: each beside its Python, with its test and its way out where it cannot be compiled."""

from facenas.native.building import compiled, compiler

__all__ = ["compiled", "compiler"]
