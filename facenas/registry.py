"""Members: the choices that a setting has, ours and those of installed packages. Nobody else keeps a list of their names."""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.machinery import SourceFileLoader
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from facenas.choices import UNKNOWN, tags
from facenas.errors import SettingsError, nearest
from facenas.section import Section

logger = logging.getLogger("facenas")
_STATES_A_NAME = re.compile(r"\bname\s*:\s*[\w.]*Literal\[")


@dataclass(frozen=True)
class Registry:
    """The members of one kind: settings classes, each with a `name` of its own, or with several.

    Our members are the classes below `base` in the modules of one of our packages: a file there adds a member. A module that states no
    `name: Literal[...]` has none and is not imported: networks load torch, which settings do not. Others are entry points of installed
    packages. One that cannot be loaded is named in a warning, and the rest goes on.

    Attributes:
        group: Name of the entry points, such as `facenas.heads`.
        package: Package that holds our members, such as `facenas.heads`.
        base: Settings class that every member extends.
    """

    group: str
    package: str
    base: type[Section]

    @cached_property
    def members(self) -> Mapping[str, type[Any]]:
        """The settings class of each name: ours first, then those of other packages, each in alphabetical order."""
        own = {name: member for member in sorted(self._own(), key=lambda one: one.__name__) for name in tags(member)}
        return own | dict(self._installed(set(own)))

    @property
    def kind(self) -> str:
        """The word for one member, such as `head`."""
        plural = self.group.rpartition(".")[2]
        return f"{plural.removesuffix('ies')}y" if plural.endswith("ies") else plural.removesuffix("s")

    def get(self, name: str) -> type[Any]:
        """The settings class of the member with this name.

        Raises:
            SettingsError: If there is no such member; the message says which name is nearest.
        """
        return OneOf(self).get(name)

    def hint(self, name: str, valid: Iterable[str]) -> str:
        """What to do about a name that does not exist, as the end of a sentence.

        Args:
            name: The name that was given.
            valid: The names that would be accepted.
        """
        return (
            f"{nearest(name, valid)}; one of another package is here once that package is installed, with its entry point in {self.group}"
        )

    def _own(self) -> Iterator[type[Section]]:
        package = import_module(self.package)
        for module in iter_modules(package.__path__):
            if not _states_a_name(full := f"{self.package}.{module.name}"):
                continue
            found = vars(import_module(full))
            yield from (
                one
                for one in found.values()
                if isinstance(one, type) and issubclass(one, self.base) and one.__module__ == f"{self.package}.{module.name}"
            )

    def _installed(self, taken: set[str]) -> Iterator[tuple[str, type[Section]]]:
        for entry in sorted(entry_points(group=self.group), key=lambda one: one.name):
            member = self._loaded(entry)
            if member is None:
                continue
            for name in tags(member):
                if name in taken:
                    logger.warning("%s: there is a %r already; %s is left out", self.group, name, _told(entry))
                else:
                    taken.add(name)
                    yield name, member

    def _loaded(self, entry: EntryPoint) -> type[Section] | None:
        try:
            member = entry.load()
        except Exception as error:  # whatever somebody else's package raises when it is imported
            logger.warning("%s cannot be loaded and is left out: %s: %s", _told(entry), type(error).__name__, " ".join(str(error).split()))
            return None
        if not (isinstance(member, type) and issubclass(member, self.base) and tags(member)):
            logger.warning("%s is left out: it must be a %s whose `name` is a Literal with its default", _told(entry), self.base.__name__)
            return None
        return member


@dataclass(frozen=True)
class OneOf:
    """In `Annotated[Base, OneOf(registry)]`: a setting whose value is any member of the registry, chosen by its `name`.

    Attributes:
        registry: The registry whose members may be chosen.
        base: Settings class that limits the choice to members that extend it; None: every member may be chosen.
        also: Another registry's members that may be chosen too; of two members of one name this registry's is taken.
    """

    registry: Registry
    base: type[Section] | None = None
    also: "OneOf | None" = None

    @property
    def members(self) -> dict[str, type[Any]]:
        """The settings class of each name that may be chosen."""
        meant = {name: member for name, member in self.registry.members.items() if issubclass(member, self.base or self.registry.base)}
        return (self.also.members if self.also else {}) | meant

    def sections(self) -> list[type[Any]]:
        """The settings classes of all members."""
        return list(dict.fromkeys(self.members.values()))

    def get(self, name: str) -> type[Any]:
        """The settings class of the member with this name.

        Raises:
            SettingsError: If there is no such member; the message says which name is nearest.
        """
        if name not in self.members:
            raise SettingsError(f"unknown {self.registry.kind} {name!r}; {self.registry.hint(name, self.members)}")
        return self.members[name]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Pydantic's schema: a union of all members, told apart by their names."""
        schemas = {member: handler.generate_schema(member) for member in self.sections()}
        choices = {name: schemas[member] for name, member in self.members.items()}
        return core_schema.no_info_before_validator_function(
            self._known(choices), core_schema.tagged_union_schema(choices, discriminator="name")
        )

    def _known(self, choices: Mapping[str, Any]) -> Callable[[Any], Any]:
        """A validator that names what must be installed, where a file was written with a member that is missing here."""

        def known(value: Any) -> Any:
            name = value.get("name") if isinstance(value, Mapping) else None
            if isinstance(name, str) and name not in choices:
                hint = self.registry.hint(name, choices)
                raise PydanticCustomError(
                    UNKNOWN, "unknown {kind} '{name}'; {hint}", {"kind": self.registry.kind, "name": name, "hint": hint}
                )
            return value

        return known

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The JSON schema of the union of all members."""
        return handler(schema)


def _states_a_name(module: str) -> bool:
    """Whether a module's source states a member's `name`, so that it must be imported; a module without source counts as one."""
    spec = find_spec(module)
    source = spec.loader.get_source(module) if spec and isinstance(spec.loader, SourceFileLoader) else None
    return source is None or bool(_STATES_A_NAME.search(source))


def _told(entry: EntryPoint) -> str:
    package = entry.dist.name if entry.dist else "a package"
    return f"{entry.group} {entry.name!r} of {package}"
