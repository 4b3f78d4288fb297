"""Which tools of plugins a request lets the model call. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Literal

import msgspec

from hob.errors import PluginBroken, ToolNotFound
from hob.wire.chat import Tool
from hob.wire.plugins import ToolInfo

_SHOWN = 8


def hob_tools_of(
    wanted: Literal["all"] | Sequence[str] | None, known: Sequence[ToolInfo]
) -> tuple[Tool, ...]:
    """The tools that are wanted, as the model is told of them. Raises ToolNotFound."""
    by_name = {info.name: info for info in known}
    names = list(by_name) if wanted == "all" else list(dict.fromkeys(wanted or ()))
    for name in names:
        if name not in by_name:
            raise _not_found(name, list(by_name))
    return tuple(_tool(by_name[name]) for name in names)


def _tool(info: ToolInfo) -> Tool:
    try:
        parameters = msgspec.json.decode(info.parameters, type=dict)
    except msgspec.MsgspecError as error:
        raise PluginBroken(
            f"The plugin {info.plugin} describes its tool {info.name} in a way that no model can "
            "be told of.",
            hint=f"`hob plugins disable {info.plugin}` turns it off.",
            plugin=info.plugin,
        ) from error
    return Tool(name=info.name, description=info.help, parameters=parameters)


def _not_found(name: str, names: Sequence[str]) -> ToolNotFound:
    if not names:
        hint = "No plugin that is on offers a tool; `hob plugins` lists them."
    elif close := get_close_matches(name, names, n=1):
        hint = f"Did you mean {close[0]}?"
    else:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        hint = f"There is: {', '.join(names[:_SHOWN])}{more}."
    return ToolNotFound(f"There is no tool {name!r}.", hint=hint, param="hob_tools")
