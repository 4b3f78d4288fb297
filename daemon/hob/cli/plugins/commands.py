"""Commands that plugins add to `hob`: known from a file that the daemon writes, so that the command
line loads no plugin but the one whose command is run, in its own process."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import click

from hob.errors import HobError, PluginBroken
from hob.paths import find_paths

if TYPE_CHECKING:
    # Most command lines know of no such commands, and need not read what they look like.
    from hob.wire.plugins import CachedCommand, CommandCache

_MAX_CACHE_BYTES = 2**20
# Of the same length as the daemon takes, whose module is too much to import for it.
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")


def known_commands(
    taken: Container[str], environ: Mapping[str, str] = os.environ
) -> dict[str, CachedCommand]:
    """By name, what plugins add; nothing that is `taken` by Hob itself. Empty when the file is not
    there, or is not what the daemon writes."""
    try:
        with find_paths(environ).plugin_commands.open("rb") as file:
            data = file.read(_MAX_CACHE_BYTES + 1)
    except OSError:
        return {}
    cache = _decoded(data)
    found: dict[str, CachedCommand] = {}
    for command in cache.commands:
        if _NAME.fullmatch(command.name) and command.name not in taken:
            found.setdefault(command.name, command)
    return found


def _decoded(data: bytes) -> CommandCache:
    import msgspec

    from hob.wire.plugins import CommandCache

    if len(data) > _MAX_CACHE_BYTES:
        return CommandCache()
    try:
        return msgspec.json.decode(data, type=CommandCache)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return CommandCache()


def load_command(wanted: CachedCommand) -> click.Command:
    """The command itself; its plugin is loaded for it. Raises PluginBroken."""
    try:
        commands = _registered(_module(wanted))
    except (HobError, click.ClickException):
        raise
    except (Exception, SystemExit) as error:
        raise broken(wanted, "could not be loaded", error) from error
    for command in commands:
        if isinstance(command, click.Command) and command.name == wanted.name:
            return command
    raise PluginBroken(
        f"The plugin {wanted.plugin} has no command {wanted.name} any more.",
        hint="`hob up` starts the daemon, which looks for its commands anew.",
        plugin=wanted.plugin,
    )


def broken(command: CachedCommand, what: str, error: BaseException) -> PluginBroken:
    """One sentence for whatever a plugin's command has raised."""
    from hob.cli.sanitize import one_line

    why = one_line(f"{type(error).__name__}: {error}")[:300].rstrip(".: ")
    return PluginBroken(
        f"The plugin {command.plugin} {what} for `hob {command.name}` ({why}).",
        hint=f"`hob plugins show {command.plugin}` says more of it; HOB_DEBUG=1 shows where.",
        plugin=command.plugin,
    )


def _module(command: CachedCommand) -> ModuleType:
    import importlib
    import importlib.util

    if command.source != "folder":
        return importlib.import_module(command.target)
    path = Path(command.target)
    name = f"hob_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    # Classes of the module look for it there, as those of dataclasses do.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _registered(module: ModuleType) -> list[object]:
    import pluggy

    from hob.plugins import hookspecs

    manager = pluggy.PluginManager("hob")
    manager.add_hookspecs(hookspecs)
    manager.register(module)
    made: list[object] = []
    register: Callable[[], list[list[object]]] = manager.hook.register_commands
    for some in register():
        made += some
    return made
