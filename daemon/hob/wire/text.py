"""The native routes that work on text and tokens: their requests and replies.

Where a request is said to be a chat's or a completion's, it is the body of the OpenAI-compatible
route, of which only the prompt counts.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from hob.wire.base import Body, Value
from hob.wire.generate import Priority
from hob.wire.openai.requests import MAX_PROMPT_ITEMS, CompletionRequest
from hob.wire.openai.sampling import TokenId


class PrefillOptions(Value, frozen=True):
    """What POST /hob/v1/prefill takes beside a chat's or a completion's body."""

    priority: Priority = "background"


class PrefillReply(Body, frozen=True):
    """`prompt_tokens` are in the cache now, of which `cached_tokens` were before."""

    model: str
    prompt_tokens: int
    cached_tokens: int


class TokenizeRequest(Value, frozen=True):
    """`add_special` adds BOS and EOS as a prompt would get them; `parse_special` turns the text of
    control tokens into these tokens. `with_pieces` asks for the text of each token. `keep_alive` is
    how long the model stays, in seconds or as "5m"."""

    text: str
    model: str | None = None
    add_special: bool = False
    parse_special: bool = True
    with_pieces: bool = False
    keep_alive: float | str | None = None


class TokenizeReply(Body, frozen=True):
    """Each of `pieces` is the token's text, or its bytes as numbers when these are only a part of a
    character."""

    tokens: tuple[int, ...]
    count: int
    pieces: tuple[str | tuple[int, ...], ...] | UnsetType = UNSET


class DetokenizeRequest(Value, frozen=True):
    tokens: Annotated[list[TokenId], Meta(max_length=MAX_PROMPT_ITEMS)]
    model: str | None = None
    keep_alive: float | str | None = None


class DetokenizeReply(Body, frozen=True):
    text: str


class TemplateReply(Body, frozen=True):
    """The prompt as the model would read it, and its length in tokens."""

    prompt: str
    tokens: int


class CountReply(Body, frozen=True):
    tokens: int


class InfillRequest(CompletionRequest, frozen=True, kw_only=True):
    """A completion's body with the text on both sides of the gap in the place of `prompt`."""

    prefix: str
    suffix: str
    prompt: Any = ""
