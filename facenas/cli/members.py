"""Names for help texts: they are listed without importing what they stand for, which would take longer than the help."""

from importlib.metadata import entry_points
from importlib.util import find_spec
from pkgutil import iter_modules


def known(package: str, group: str) -> str:
    """The names of all members, ours and those of installed packages, in one phrase.

    Args:
        package: Package that holds our members, each in a module of its name.
        group: Name of the entry points of others.
    """
    spec = find_spec(package)
    own = [module.name for module in iter_modules(spec.submodule_search_locations if spec else None)]
    return ", ".join([*own, *sorted(entry.name for entry in entry_points(group=group) if entry.name not in own)])
