"""What OpenAI's API has and this version of Hob does not do: refused by name, never ignored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hob.errors import UnsupportedParameter
from hob.wire.openai import GenerationRequest

# What a field that is refused would do, and whether a value of it asks for nothing.
Refusal = tuple[str, Callable[[Any], bool]]


def _never(_: object) -> bool:
    return False


_COMMON: dict[str, Refusal] = {
    "grammar": ("output that follows a grammar", lambda value: value == ""),
    "json_schema": ("output that follows a JSON schema", _never),
}
CHAT: dict[str, Refusal] = _COMMON | {
    "tools": ("calling tools", lambda value: value == []),
    "tool_choice": ("calling tools", lambda value: value in ("none", "auto")),
    "functions": ("calling functions", lambda value: value == []),
    "function_call": ("calling functions", lambda value: value in ("none", "auto")),
    "response_format": ("output in a given format", lambda value: value == {"type": "text"}),
    "logprobs": ("log probabilities", lambda value: value is False),
    "top_logprobs": ("log probabilities", lambda value: value == 0),
    "audio": ("audio", _never),
    "modalities": ("anything but text", lambda value: value in ([], ["text"])),
    "web_search_options": ("searching the web", _never),
}
COMPLETION: dict[str, Refusal] = _COMMON | {
    "echo": ("repeating the prompt in the answer", lambda value: value is False),
    "suffix": ("filling in the middle", lambda value: value == ""),
    "logprobs": ("log probabilities", lambda value: value is False),
}


def refuse_unsupported(body: GenerationRequest, refusals: Mapping[str, Refusal]) -> None:
    """Raises UnsupportedParameter for the first field that asks for something."""
    for name, (what, asks_for_nothing) in refusals.items():
        value = getattr(body, name)
        if value is not None and not asks_for_nothing(value):
            raise UnsupportedParameter(
                f"`{name}` asks for {what}, which this version of Hob does not do.",
                hint="Leave it out.",
                param=name,
            )
