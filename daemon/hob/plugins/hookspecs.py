"""The hooks that a plugin may implement. Each is called for one plugin at a time, on a thread, with
a deadline, and may leave out the arguments that it does not need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import click

    from hob.plugins.context import Context
    from hob.plugins.values import Action, Setting, Tool

hookspec = pluggy.HookspecMarker("hob")

# Seconds that each hook may take.
DEADLINES: dict[str, float] = {
    "register_settings": 5.0,
    "register_actions": 5.0,
    "register_tools": 5.0,
    "register_commands": 5.0,
    "warm_prompts": 5.0,
    "rewrite_request": 2.0,
    "on_event": 2.0,
    "start": 10.0,
    "stop": 2.0,
}


@hookspec
def register_settings() -> Sequence[Setting]:
    """The settings of the plugin; they are in `plugins.toml`, and shown by `hob plugins show`."""
    raise NotImplementedError


@hookspec
def register_actions(context: Context) -> Sequence[Action]:
    """What a person can trigger from the tray, a hotkey, the command line and the API."""
    raise NotImplementedError


@hookspec
def register_tools(context: Context) -> Sequence[Tool]:
    """What a model may call while it answers."""
    raise NotImplementedError


@hookspec
def register_commands() -> Sequence[click.Command]:
    """Commands of the `hob` command line; they run in its process, not in the daemon's."""
    raise NotImplementedError


@hookspec
def warm_prompts(context: Context) -> Sequence[str]:
    """System prompts that are read as soon as a model is loaded; no answer waits for them."""
    raise NotImplementedError


@hookspec
def rewrite_request(request: dict[str, Any], context: Context) -> dict[str, Any] | None:
    """A chat request before it runs, as the API takes it; another to run in its place."""
    raise NotImplementedError


@hookspec
def on_event(event: dict[str, Any], context: Context) -> None:
    """Every fact, as `/hob/v1/events` tells it."""
    raise NotImplementedError


@hookspec
def start(context: Context) -> None:
    """The plugin is on: it was loaded, turned on, or reloaded after a change."""
    raise NotImplementedError


@hookspec
def stop(context: Context) -> None:
    """The plugin is about to be turned off or reloaded, or Hob ends."""
    raise NotImplementedError
