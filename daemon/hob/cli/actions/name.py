"""The name of an action or a plugin on the command line; shells complete it from what the daemon
knows, and a slip of the finger is told what it may have meant."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches

import click
from click.shell_completion import CompletionItem

from hob.cli.sanitize import one_line
from hob.client import Client
from hob.errors import ActionNotFound, HobError, PluginNotFound
from hob.wire.plugins import ActionInfo

_COMPLETION_LIMIT_S = 1.0
_SHOWN = 12


class _Known(click.ParamType[str]):
    """Any name: the daemon says which there are."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        """Nothing while the daemon is not running: a key press must not start it."""
        import os

        from hob.cli.context import App

        try:
            names = self.names(App.from_environ(os.environ).client(_COMPLETION_LIMIT_S))
        except HobError:
            return []
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]

    def names(self, client: Client) -> Iterable[str]:
        raise NotImplementedError


class ActionName(_Known):
    name = "action"

    def names(self, client: Client) -> Iterable[str]:
        return [action.name for action in client.actions().actions]


class PluginName(_Known):
    name = "plugin"

    def names(self, client: Client) -> Iterable[str]:
        return [plugin.name for plugin in client.plugins().plugins]


@contextlib.contextmanager
def near_plugins(client: Client, name: str) -> Iterator[None]:
    """A plugin that there is not is told with those that are alike. Raises PluginNotFound."""
    try:
        yield
    except PluginNotFound as error:
        names = [plugin.name for plugin in client.plugins().plugins]
        close = get_close_matches(name.lower()[:100], names, n=3)
        if not close:
            raise
        hint = f"Did you mean {' or '.join(close)}? `hob plugins` lists all."
        raise PluginNotFound(
            f"There is no plugin {one_line(name)[:100]!r}.", hint=hint, param="plugin"
        ) from error


def find_action(actions: Sequence[ActionInfo], name: str) -> ActionInfo:
    """The action of that name. Raises ActionNotFound, naming what is alike."""
    for action in actions:
        if action.name == name:
            return action
    names = [action.name for action in actions]
    close = get_close_matches(name.lower()[:100], names, n=3)
    if close:
        hint = f"Did you mean {' or '.join(close)}? `hob action list` shows all."
    elif names:
        more = " and more" if len(names) > _SHOWN else ""
        hint = f"There is: {', '.join(names[:_SHOWN])}{more}. `hob action list` shows all."
    else:
        hint = "No plugin that is on offers an action; `hob plugins` lists them."
    raise ActionNotFound(f"There is no action {one_line(name)[:100]!r}.", hint=hint, param="action")
