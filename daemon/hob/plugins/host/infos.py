"""Actions and tools as the daemon is told of them, and what is wrong with those that cannot be."""

from __future__ import annotations

import json
import re

import msgspec

from hob.errors import BadHotkey
from hob.plugins.host.blame import one_line
from hob.plugins.values import Action, Tool
from hob.wire.hotkey import parse_hotkey
from hob.wire.plugins import MAX_NAME_CHARS, ActionInfo, ToolInfo

_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_TITLE_CHARS, _HELP_CHARS, _SCHEMA_CHARS = 80, 2_000, 100_000
# What the listing of one action may take; all of them go to the daemon at once.
_ACTION_BYTES = 200_000
_LONGEST_S = 24 * 3600


def bad_name(name: object) -> str:
    """What is wrong with a name; empty when nothing is."""
    if isinstance(name, str) and _NAME.fullmatch(name) and len(name) <= MAX_NAME_CHARS:
        return ""
    return f"{one_line(str(name))!r} is no name: small letters, digits, - and _ make one"


def bad_action(action: Action) -> str:
    if wrong := bad_name(action.name):
        return wrong
    if not isinstance(action.title, str) or not 0 < len(action.title) <= _TITLE_CHARS:
        return f"the action {action.name} needs a title of at most {_TITLE_CHARS} characters"
    if (action.run is None) == (action.opens is None):
        return f"the action {action.name} needs either `run` or `opens`"
    if action.run is not None and not callable(action.run):
        return f"`run` of the action {action.name} cannot be called"
    try:
        info = action_info("", action, "")
        size = len(msgspec.json.encode(info))
        msgspec.convert(msgspec.to_builtins(info), ActionInfo)
    except BadHotkey as error:
        return f"the hotkey of the action {action.name}: {error.message.rstrip('.')}"
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        return f"the action {action.name}: {one_line(str(error))}"
    if size > _ACTION_BYTES:
        return f"the action {action.name} is larger than {_ACTION_BYTES} bytes"
    return _bad_timeout(f"the action {action.name}", action.timeout_s)


def bad_tool(tool: Tool) -> str:
    if wrong := bad_name(tool.name):
        return wrong
    if not callable(tool.run):
        return f"`run` of the tool {tool.name} cannot be called"
    try:
        schema = msgspec.json.decode(tool_info("", tool).parameters)
        msgspec.convert(msgspec.to_builtins(tool_info("", tool)), ToolInfo)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        return f"the tool {tool.name}: {one_line(str(error))}"
    if not isinstance(schema, dict) or len(tool_info("", tool).parameters) > _SCHEMA_CHARS:
        return f"`parameters` of the tool {tool.name} is to be a JSON Schema"
    return _bad_timeout(f"the tool {tool.name}", tool.timeout_s)


def _bad_timeout(of: str, timeout_s: object) -> str:
    """Waiting raises for what is no number, or more than the system can wait for."""
    if isinstance(timeout_s, int | float) and 0 < timeout_s <= _LONGEST_S:
        return ""
    return f"`timeout_s` of {of} is to be a number of seconds, more than 0 and up to {_LONGEST_S}"


def action_info(plugin: str, action: Action, hotkey: str) -> ActionInfo:
    """`hotkey` is in force. Raises BadHotkey for a default that is none."""
    return ActionInfo(
        name=action.name,
        plugin=plugin,
        title=one_line(action.title),
        help=action.help[:_HELP_CHARS],
        takes=action.takes,
        kinds=tuple(action.kinds),
        asks=one_line(action.asks),
        choices=tuple(map(one_line, action.choices)),
        shows=action.shows,
        opens=action.opens,
        system=action.system,
        hotkey=hotkey,
        default_hotkey=str(parse_hotkey(action.hotkey)) if action.hotkey else "",
        in_menu=action.in_menu,
        plain=action.plain,
    )


def tool_info(plugin: str, tool: Tool) -> ToolInfo:
    return ToolInfo(
        name=tool.name,
        plugin=plugin,
        help=str(tool.help)[:_HELP_CHARS],
        parameters=json.dumps(dict(tool.parameters), allow_nan=False),
    )
