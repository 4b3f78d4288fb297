"""One question, one answer: what a worker is asked besides generating text."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from hob.wire.base import Value
from hob.wire.generate import GenerateRequest, Priority

MAX_EMBED_INPUTS = 2_048


class CallRequest(Value, frozen=True, kw_only=True):
    """Base: `id` is unique within the daemon's life."""

    id: str
    priority: Priority = "normal"


class Prefill(CallRequest, frozen=True, kw_only=True, tag="prefill"):
    """Read the prompt of `request`, as far as more text can still follow it, into the cache."""

    request: GenerateRequest


class Embed(CallRequest, frozen=True, kw_only=True, tag="embed"):
    """A vector for each of `inputs`, text or tokens; `dimensions` cuts it short."""

    inputs: tuple[str | tuple[int, ...], ...]
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    normalize: bool = True


class Rerank(CallRequest, frozen=True, kw_only=True, tag="rerank"):
    """How well each of `documents` answers `query`."""

    query: str
    documents: tuple[str, ...]


class Tokenize(CallRequest, frozen=True, kw_only=True, tag="tokenize"):
    """`add_special` adds BOS and EOS as a prompt would get them; `parse_special` turns the text of
    control tokens into these tokens."""

    text: str
    add_special: bool = False
    parse_special: bool = True


class Detokenize(CallRequest, frozen=True, kw_only=True, tag="detokenize"):
    tokens: tuple[int, ...]


class Render(CallRequest, frozen=True, kw_only=True, tag="render"):
    """The prompt of `request` as text and tokens, without running it."""

    request: GenerateRequest


Call = Prefill | Embed | Rerank | Tokenize | Detokenize | Render


class Prefilled(Value, frozen=True, tag="prefilled"):
    """`prompt_tokens` are in the cache now, of which `cached_tokens` were before."""

    prompt_tokens: int
    cached_tokens: int


class Embedded(Value, frozen=True, tag="embedded"):
    """Each vector as little-endian 32-bit floats; `tokens` counts each input's."""

    vectors: tuple[bytes, ...]
    tokens: tuple[int, ...]


class Ranked(Value, frozen=True, tag="ranked"):
    """One score for each document, as the model gives it: higher is better."""

    scores: tuple[float, ...]
    tokens: tuple[int, ...]


class Tokens(Value, frozen=True, tag="tokens"):
    """`pieces` are the bytes of each token, control tokens included."""

    tokens: tuple[int, ...]
    pieces: tuple[bytes, ...]


class PlainText(Value, frozen=True, tag="text"):
    text: str


class Rendered(Value, frozen=True, tag="rendered"):
    text: str
    tokens: tuple[int, ...]


CallResult = Prefilled | Embedded | Ranked | Tokens | PlainText | Rendered
