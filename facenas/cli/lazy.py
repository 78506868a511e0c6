"""Commands whose modules are imported when they are run: `facenas --help` reads a table."""

from importlib import import_module
from typing import Any, ClassVar, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from facenas.cli.members import tell_members

PLAIN: dict[str, Any] = {"add_completion": False, "pretty_exceptions_enable": False, "rich_markup_mode": None}  # rich's help takes 0.2 s


class Entry(NamedTuple):
    """A command before its module is imported.

    Attributes:
        place: `module:name`, of a function or of a `typer.Typer` with commands of its own.
        help: First sentence of its help.
    """

    place: str
    help: str

    def load(self, name: str) -> Any:
        """Import the command and return it."""
        module, _, attribute = self.place.partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            found.rich_markup_mode, found.info.cls = None, LazyGroup
            commands = get_group(found)
            commands.name = name
            return commands
        alone = typer.Typer(**PLAIN)
        alone.command(name)(found)
        return get_command(alone)


class LazyGroup(TyperGroup):
    """A group that knows names and the beginning of each help, and imports a command to run it or to tell more of it."""

    entries: ClassVar[dict[str, Entry]] = {}
    _straight = False

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        for name, entry in self.entries.items():
            self.add_command(TyperCommand(name, help=entry.help, rich_markup_mode=None))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """What a command follows has no options of the group before it: they are not looked at, for which typer would import pydantic."""
        self._straight = bool(args) and args[0] in self.commands
        try:
            return super().parse_args(ctx, args)
        finally:
            self._straight = False

    def get_params(self, ctx: Any) -> list[Any]:
        """The options of the group itself."""
        return [] if self._straight else super().get_params(ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the command that was asked for."""
        name, command, rest = super().resolve_command(ctx, args)
        if name in self.entries:
            command = self.entries[name].load(name)
            if "--help" in rest:
                tell_members(command)
        return name, command, rest


def group(entries: dict[str, Entry]) -> type[LazyGroup]:
    """A class of groups that have these commands."""
    return type("Commands", (LazyGroup,), {"entries": entries})
