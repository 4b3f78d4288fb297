"""How much of a prompt is likely to begin other prompts as well: the system prompt and tools."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

import msgspec
from msgspec.structs import replace

from hob.engine.prompts.encoder import Encoder
from hob.engine.prompts.readahead import common_prefix
from hob.errors import HobError
from hob.wire.chat import ChatMessage
from hob.wire.generate import GenerateRequest

_MOST_KNOWN = 64
# Two first messages that no tokenizer begins with the same token.
_FIRST_MESSAGES = ("Hello", "~")


class Boundaries:
    """Remembers the beginnings that conversations with the same system prompt and tools share, so
    that each is rendered once. Used by one thread."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._known: OrderedDict[bytes, tuple[int, ...]] = OrderedDict()

    def of(self, request: GenerateRequest, tokens: Sequence[int]) -> int:
        """How many of the prompt's `tokens` other conversations are likely to begin with."""
        if not request.messages:
            return 0
        return common_prefix(tokens, self._shared(_bare(request)))

    def _shared(self, request: GenerateRequest) -> tuple[int, ...]:
        key = _key(request)
        shared = self._known.get(key)
        if shared is None:
            shared = self._known[key] = self._render(request)
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return shared

    def _render(self, request: GenerateRequest) -> tuple[int, ...]:
        prompts: list[list[int]] = []
        for text in _FIRST_MESSAGES:
            first = ChatMessage(role="user", content=text)
            messages = (*request.messages, first)
            try:
                prompts.append(self._encoder.chat(replace(request, messages=messages))[1])
            except HobError:
                # What the template takes in a conversation, it may refuse in this one.
                return ()
        return tuple(prompts[0][: common_prefix(*prompts)])


def _bare(request: GenerateRequest) -> GenerateRequest:
    """What the beginning of the prompt depends on: the system messages that come first, and all
    that is told to the template besides messages."""
    count = next(
        (n for n, message in enumerate(request.messages) if message.role != "system"),
        len(request.messages),
    )
    return replace(request, messages=request.messages[:count])


def _key(request: GenerateRequest) -> bytes:
    # Templates may write today's date.
    today = datetime.now().astimezone().date().isoformat()
    parts = (
        today,
        request.messages,
        request.tools,
        request.tool_choice,
        request.parallel_tool_calls,
        request.reasoning,
        request.template_values,
    )
    return sha256(msgspec.msgpack.encode(parts)).digest()
