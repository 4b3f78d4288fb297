"""From a request to the tokens of its prompt.

Text that a person or a document brings is text: where a message holds the text of a control token
such as `<|im_end|>`, that text is tokenized letter by letter, and cannot end the message.
"""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Callable, Sequence
from typing import Protocol

from hob.engine.client_texts import client_texts, map_texts
from hob.engine.job import Prompt
from hob.errors import ContextOverflow, InvalidRequest, TemplateFailed
from hob.wire.generate import (
    MAX_STOP_CHARS,
    MAX_STOP_STRINGS,
    ChatMessage,
    GenerateRequest,
    Sampling,
)

# Writes the messages, which may be some of the request's, as its model's prompt; the request says
# what the template is told besides.
Render = Callable[[Sequence[ChatMessage], GenerateRequest], str]

_SLICE_CHARS = 2**18
# More than a cut through a word or the text of a control token can add to a slice's tokens.
_CUT_TOKENS = 128


class Tokenizer(Protocol):
    """What the prompt needs of a vocabulary."""

    size: int
    bos: int | None
    adds_bos: bool
    adds_eos: bool
    prefixes_space: bool

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]: ...

    def control_tokens(self, tokens: list[int]) -> set[int]: ...

    def text(self, token: int | None) -> str: ...


class PromptBuilder:
    """Turns requests into prompts for one model."""

    def __init__(
        self, vocab: Tokenizer, render: Render, context_length: int, default_max_tokens: int
    ) -> None:
        self._vocab = vocab
        self._render = render
        self._context_length = context_length
        self._default_max_tokens = default_max_tokens

    def build(self, request: GenerateRequest) -> Prompt:
        """Raises InvalidRequest, ContextOverflow or TemplateFailed."""
        check_stops(request.stop)
        check_sampling(request.sampling, self._vocab.size)
        self._refuse_hopeless(request)
        tokens = self._tokens(request)
        room = self._context_length - len(tokens)
        if room <= 0:
            raise self._overflow(len(tokens), f"{len(tokens)}")
        wanted = request.max_tokens or self._default_max_tokens
        return Prompt(tokens, min(wanted, room), context_full=room < wanted)

    def _refuse_hopeless(self, request: GenerateRequest) -> None:
        """Raise ContextOverflow as soon as a very long text is sure not to fit.

        llama.cpp's tokenizer cannot be stopped, and its time grows with the square of the control
        tokens in a text: 20 s for a megabyte of them. Slices take time in proportion.
        """
        text = "\n".join(client_texts(request)) if request.messages else ""
        if isinstance(request.prompt, str):
            text = request.prompt
        if len(text) <= _SLICE_CHARS:
            return
        surely = 0
        for start in range(0, len(text), _SLICE_CHARS):
            tokens = self._vocab.tokenize(
                text[start : start + _SLICE_CHARS],
                add_special=False,
                parse_special=request.prompt is not None,
            )
            surely += max(0, len(tokens) - _CUT_TOKENS)
            if surely >= self._context_length:
                raise self._overflow(surely, f"more than {surely}")

    def _overflow(self, tokens: int, count: str) -> ContextOverflow:
        return ContextOverflow(
            f"The prompt has {count} tokens, and the context holds "
            f"{self._context_length} with the answer.",
            hint="Send less text, or set a larger context with `hob config set "
            "engine.context_length N`.",
            prompt_tokens=tokens,
            context_length=self._context_length,
        )

    def _tokens(self, request: GenerateRequest) -> list[int]:
        if bool(request.messages) == (request.prompt is not None):
            raise InvalidRequest(
                "A request needs either messages or a prompt.", hint="Send exactly one of them."
            )
        if request.messages:
            return self._chat(request)
        if not request.prompt:
            raise InvalidRequest(
                "The prompt is empty.", hint="Send at least one character.", param="prompt"
            )
        if isinstance(request.prompt, str):
            return self._without_double_bos(self._begin(request.prompt, parse_special=True))
        return self._given(request.prompt)

    def _given(self, tokens: Sequence[int]) -> list[int]:
        for token in tokens:
            if not 0 <= token < self._vocab.size:
                raise InvalidRequest(
                    f"{token} is no token of this model.",
                    hint=f"Token ids go from 0 to {self._vocab.size - 1}.",
                    param="prompt",
                )
        return list(tokens)

    def _chat(self, request: GenerateRequest) -> list[int]:
        marks = _Marks(self._vocab)
        marked = map_texts(marks.mark, request)
        pieces = marks.split(self._render(marked.messages, marked))
        tokens = self._join(pieces)
        if not tokens:
            raise TemplateFailed(
                "The model's chat template makes an empty prompt of this conversation.",
                hint="Use a built-in template: `hob config set engine.chat_template chatml`.",
            )
        return self._without_double_bos(tokens)

    def _join(self, pieces: Sequence[tuple[str, bool]]) -> list[int]:
        tokens: list[int] = []
        for text, literal in pieces:
            if not tokens:
                tokens = self._begin(text, parse_special=not literal)
            elif self._vocab.prefixes_space and not self._vocab.control_tokens(tokens[-1:]):
                tokens += self._continue(text, literal)
            else:
                tokens += self._vocab.tokenize(text, add_special=False, parse_special=not literal)
        return tokens

    def _begin(self, text: str, *, parse_special: bool) -> list[int]:
        """The first text of a prompt: with BOS where the model wants one, and without the EOS that
        some vocabularies put after every text, since the answer is still to come."""
        tokens = self._vocab.tokenize(text, add_special=True, parse_special=parse_special)
        return tokens[:-1] if self._vocab.adds_eos else tokens

    def _continue(self, text: str, literal: bool) -> list[int]:
        """Tokens of a text in mid-sentence: SentencePiece puts a space before whatever it is
        given, so it gets a line break first, and what that alone makes is taken off again."""
        lead = self._vocab.tokenize("\n", add_special=False, parse_special=False)
        both = self._vocab.tokenize(f"\n{text}", add_special=False, parse_special=not literal)
        if both[: len(lead)] == lead:
            return both[len(lead) :]
        return self._vocab.tokenize(text, add_special=False, parse_special=not literal)

    def _without_double_bos(self, tokens: list[int]) -> list[int]:
        """Templates often write BOS themselves; the tokenizer has then added a second one."""
        bos = self._vocab.bos
        return tokens[1:] if self._vocab.adds_bos and tokens[:2] == [bos, bos] else tokens


class _Marks:
    """Replaces the text of control tokens by marks that no one can guess, for the time that the
    template handles the text. Contents without such text are left as they are, so that they are
    tokenized exactly as the model was trained."""

    def __init__(self, vocab: Tokenizer) -> None:
        self._vocab = vocab
        self._nonce = secrets.token_hex(12)
        self._texts: list[str] = []

    def mark(self, content: str) -> str:
        tokens = self._vocab.tokenize(content, add_special=False, parse_special=True)
        texts = [self._vocab.text(token) for token in self._vocab.control_tokens(tokens)]
        found = [text for text in texts if text and text in content]
        if not found:
            return content
        parts = re.split("(" + "|".join(map(re.escape, found)) + ")", content)
        # Every second part is a control token's text; what lies between may still hold others,
        # which the tokenizer did not see because they overlap.
        return "".join(
            self._mark_for(part) if index % 2 else self.mark(part)
            for index, part in enumerate(parts)
        )

    def _mark_for(self, text: str) -> str:
        self._texts.append(text)
        return f"{self._nonce}n{len(self._texts) - 1}x"

    def split(self, rendered: str) -> list[tuple[str, bool]]:
        """The prompt in pieces: (text, True when its special text is only text).

        Raises TemplateFailed when the template has changed a mark.
        """
        if not self._texts:
            return [(rendered, False)]
        parts = re.split(f"{self._nonce}n([0-9]+)x", rendered)
        pieces = [
            (self._texts[int(part)], True) if index % 2 else (part, False)
            for index, part in enumerate(parts)
            if part
        ]
        if any(self._nonce[:8] in text.lower() for text, literal in pieces if not literal):
            raise TemplateFailed(
                "The model's chat template changes the messages, so their special text cannot be "
                "kept apart from its own.",
                hint="Leave the text of control tokens out of the message.",
            )
        return pieces


def check_stops(stops: Sequence[str]) -> None:
    """Raises InvalidRequest unless every stop string can end an answer."""
    if len(stops) > MAX_STOP_STRINGS or any(not 0 < len(s) <= MAX_STOP_CHARS for s in stops):
        raise InvalidRequest(
            "A stop string is empty or too long, or there are too many.",
            hint=f"Send at most {MAX_STOP_STRINGS}, each of 1 to {MAX_STOP_CHARS} characters.",
            param="stop",
        )


def check_sampling(sampling: Sampling, vocab_size: int) -> None:
    """Raises InvalidRequest when logit_bias names no token of the model or is no number."""
    for token, bias in sampling.logit_bias.items():
        if not 0 <= token < vocab_size or math.isnan(bias):
            raise InvalidRequest(
                f"logit_bias for token {token} cannot be applied.",
                hint=f"Token ids go from 0 to {vocab_size - 1}, and a bias is a number.",
                param="logit_bias",
            )
