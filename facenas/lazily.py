"""Packages whose names are imported when they are asked for (PEP 562): torch alone takes seconds."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def lazily(package: str, places: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """Make the `__getattr__` of a package that imports each of its names when it is first used.

    Args:
        package: Name of the package, as in `__name__`.
        places: The names that the package offers, by the module that defines them.
    """
    modules = {name: module for module, names in places.items() for name in names}

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(modules[name]), name)

    return get
