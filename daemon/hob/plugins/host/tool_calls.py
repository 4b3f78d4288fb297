"""What a model gives a tool, and what the tool tells the model."""

from __future__ import annotations

import inspect
import json
from typing import Any

from hob.errors import InvalidRequest
from hob.plugins.host.blame import broken
from hob.plugins.host.context import PluginContext
from hob.plugins.host.run_context import MAX_MADE_CHARS
from hob.plugins.values import Tool


def read_arguments(text: str) -> dict[str, Any]:
    """What the model gives the tool; it may write anything. Raises InvalidRequest."""
    try:
        arguments = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("The arguments are no JSON.", param="arguments") from error
    if not isinstance(arguments, dict):
        raise InvalidRequest("The arguments are no object.", param="arguments")
    return arguments


def call_tool(tool: Tool, context: PluginContext, arguments: dict[str, Any]) -> str:
    """Text as it is, anything else as JSON. Raises InvalidRequest for arguments that are not the
    tool's, and PluginBroken for more than the model could read."""
    try:
        inspect.signature(tool.run).bind(context, **arguments)
    except TypeError as error:
        raise InvalidRequest(
            f"The arguments are not those of the tool {tool.name}: {error}.", param="arguments"
        ) from error
    made = tool.run(context, **arguments)
    if inspect.isawaitable(made):
        made = context.waits.finish(made)
    text = made if isinstance(made, str) else json.dumps(made, ensure_ascii=False, default=str)
    if len(text) > MAX_MADE_CHARS:
        said = f"it made more than {MAX_MADE_CHARS} characters"
        raise broken(context.name, f"the tool {tool.name}", said)
    return text
