"""What OpenAI's API has and this version of Hob does not do: refused by name, never ignored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hob.errors import UnsupportedParameter
from hob.wire.openai.requests import ChatCompletionRequest

# What a field that is refused would do, and whether a value of it asks for nothing.
Refusal = tuple[str, Callable[[Any], bool]]


def _never(_: object) -> bool:
    return False


CHAT: Mapping[str, Refusal] = {
    "audio": ("answers in sound", _never),
    "modalities": ("anything but text", lambda value: value in ([], ["text"])),
    "web_search_options": ("searching the web", _never),
}


def refuse_unsupported(body: ChatCompletionRequest) -> None:
    """Raises UnsupportedParameter for the first field that asks for something."""
    for name, (what, asks_for_nothing) in CHAT.items():
        value = getattr(body, name)
        if value is not None and not asks_for_nothing(value):
            raise UnsupportedParameter(
                f"`{name}` asks for {what}, which this version of Hob does not do.",
                hint="Leave it out.",
                param=name,
            )
