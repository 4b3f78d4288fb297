"""Answers what needs a model's vocabulary and template, and none of its weights."""

from __future__ import annotations

from hob.engine.prompts.encoder import check_tokens, refuse_dense
from hob.engine.prompts.prompt import PromptBuilder
from hob.engine.prompts.vocabulary import Tokenizer
from hob.errors import InvalidRequest, UnsupportedParameter
from hob.wire.calls import (
    Call,
    CallResult,
    Detokenize,
    Embed,
    PlainText,
    Render,
    Rerank,
    Tokenize,
    Tokens,
)

MAX_TEXT_CHARS = 4 * 2**20
MAX_TOKENS = 2**20

_OTHERS: dict[type, str] = {Embed: "make embeddings", Rerank: "rerank documents"}


def answer(call: Call, prompts: PromptBuilder) -> CallResult:
    """Raises InvalidRequest for what is too large or no token, UnsupportedParameter for what a
    model that writes text does not do, and for Render what `PromptBuilder.build` raises."""
    match call:
        case Tokenize():
            return tokenize(call, prompts.vocab)
        case Detokenize():
            return detokenize(call, prompts.vocab)
        case Render():
            return prompts.render(call.request)
    raise UnsupportedParameter(
        f"This model writes text, and cannot {_OTHERS.get(type(call), 'do this')}.",
        hint="Name a model that can; `hob models` lists them.",
        param="model",
    )


def tokenize(call: Tokenize, vocab: Tokenizer) -> Tokens:
    """Raises InvalidRequest for a text that would take very long."""
    if len(call.text) > MAX_TEXT_CHARS:
        raise InvalidRequest(
            f"The text has {len(call.text)} characters, and at most {MAX_TEXT_CHARS} are "
            "tokenized at once.",
            hint="Send it in parts.",
            param="text",
        )
    if call.parse_special:
        refuse_dense(vocab, call.text, "text")
    tokens = vocab.tokenize(
        call.text, add_special=call.add_special, parse_special=call.parse_special
    )
    return Tokens(
        tokens=tuple(tokens),
        pieces=tuple(vocab.piece(token, special=True) for token in tokens),
    )


def detokenize(call: Detokenize, vocab: Tokenizer) -> PlainText:
    """Bytes that are no UTF-8 become U+FFFD. Raises InvalidRequest for what is no token."""
    if len(call.tokens) > MAX_TOKENS:
        raise InvalidRequest(
            f"There are {len(call.tokens)} tokens, and at most {MAX_TOKENS} become text at once.",
            hint="Send them in parts.",
            param="tokens",
        )
    check_tokens(call.tokens, vocab.size, "tokens")
    return PlainText(text=vocab.detokenize(call.tokens).decode("utf-8", "replace"))
