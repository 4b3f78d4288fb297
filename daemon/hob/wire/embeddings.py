"""The values of /v1/embeddings (https://platform.openai.com/docs/api-reference/embeddings) and of
/v1/rerank (https://jina.ai/reranker/, which Cohere's clients understand as well)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from hob.wire.base import Body, Value
from hob.wire.calls import MAX_EMBED_INPUTS
from hob.wire.openai.requests import MAX_PROMPT_ITEMS
from hob.wire.openai.sampling import TokenId

EncodingFormat = Literal["float", "base64"]


class EmbeddingRequest(Value, frozen=True):
    """`input` is one input as text or as tokens, or a list of such. `dimensions` cuts the vectors;
    `user` is ignored. `keep_alive` is how long the model stays, in seconds or as "5m"."""

    input: str | Annotated[list[str | TokenId | list[TokenId]], Meta(max_length=MAX_PROMPT_ITEMS)]
    model: str | None = None
    encoding_format: EncodingFormat | None = None
    dimensions: Annotated[int, Meta(ge=1, le=2**20)] | None = None
    user: str | None = None
    keep_alive: float | str | None = None


class InputUsage(Body, frozen=True):
    """Tokens."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingItem(Body, frozen=True):
    """`embedding` is a list of numbers as JSON, or the base64 of little-endian 32-bit floats."""

    index: int
    embedding: msgspec.Raw | str
    object: Literal["embedding"] = "embedding"


class RerankDocument(Value, frozen=True):
    text: str


class RerankRequest(Value, frozen=True):
    """`top_n` None returns them all."""

    query: str
    documents: Annotated[list[str | RerankDocument], Meta(max_length=MAX_EMBED_INPUTS)]
    model: str | None = None
    top_n: Annotated[int, Meta(ge=1)] | None = None
    return_documents: bool | None = None
    keep_alive: float | str | None = None


class RerankResult(Body, frozen=True):
    """`relevance_score` is as the model gives it: higher is better, and the range is its own."""

    index: int
    relevance_score: float
    document: RerankDocument | UnsetType = UNSET


class RerankReply(Body, frozen=True):
    """The best first; `index` is the document's place in the request."""

    id: str
    model: str
    results: tuple[RerankResult, ...]
    usage: InputUsage
    object: Literal["list"] = "list"
