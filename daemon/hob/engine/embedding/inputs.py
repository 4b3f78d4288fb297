"""From a call to the tokens of its inputs, checked: nothing is ever cut silently."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from hob.errors import ContextOverflow, InvalidRequest
from hob.wire.calls import MAX_EMBED_INPUTS, Detokenize, Embed, Rerank, Tokenize, Tokens

# A result must fit into a frame of the worker's pipe.
_MAX_RESULT_BYTES = 48 * 2**20
# llama.cpp's tokenizer cannot be stopped; a very long text is measured in slices first.
_SLICE_CHARS = 2**18
# More than a cut through a word can add to a slice's tokens.
_CUT_TOKENS = 128


class Tokenizer(Protocol):
    """What inputs need of a vocabulary."""

    size: int

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]: ...

    def control_tokens(self, tokens: list[int]) -> set[int]: ...

    def piece(self, token: int, special: bool = False) -> bytes: ...


@dataclass(frozen=True, slots=True)
class PairForm:
    """How a reranker reads a query and a document: by its own `template` with `{query}` and
    `{document}` in it, else with control tokens around the two."""

    template: str = ""
    begin: tuple[int, ...] = ()
    between: tuple[int, ...] = ()
    end: tuple[int, ...] = ()


_NO_PAIRS = PairForm()


class InputBuilder:
    """Turns calls into tokens for one model that takes `longest` tokens at once and gives `size`
    numbers. `decompose` says that its tokenizer takes characters apart (WordPiece, without case):
    llama.cpp's does so too, but not with Hangul."""

    def __init__(
        self,
        vocab: Tokenizer,
        longest: int,
        size: int,
        pairs: PairForm = _NO_PAIRS,
        *,
        decompose: bool = False,
    ) -> None:
        self._vocab = vocab
        self._longest = longest
        self._size = size
        self._pairs = pairs
        self._decompose = decompose

    def embed(self, call: Embed) -> list[list[int]]:
        """Text is text: the text of a control token is no control token.

        Raises InvalidRequest or ContextOverflow, which name the input at fault.
        """
        self._check_embed(call)
        count = len(call.inputs)
        tokens = []
        for index, given in enumerate(call.inputs):
            where = _Place("input", index, count)
            if isinstance(given, str):
                tokens.append(self._text(given, where))
            else:
                tokens.append(self._given(given, where))
            self._check_length(tokens[-1], where)
        return tokens

    def rerank(self, call: Rerank) -> list[list[int]]:
        """A pair of query and document for each document.

        Raises InvalidRequest or ContextOverflow, which name the document at fault.
        """
        count = len(call.documents)
        _check_count(count, "documents")
        if not call.query:
            raise InvalidRequest(
                "The query is empty.", hint="Send at least one character.", param="query"
            )
        self._refuse_hopeless(call.query, _Place("query", 0, 1))
        tokens = []
        for index, document in enumerate(call.documents):
            where = _Place("documents", index, count)
            _check_text(document, where)
            self._refuse_hopeless(document, where)
            tokens.append(self._pair(call.query, document))
            self._check_length(tokens[-1], where)
        return tokens

    def tokenize(self, call: Tokenize) -> Tokens:
        """Raises InvalidRequest when the text is too long to be parsed in time."""
        if call.parse_special and len(call.text) > _SLICE_CHARS:
            raise InvalidRequest(
                f"The text has {len(call.text)} characters, and at most {_SLICE_CHARS} are "
                "searched for control tokens.",
                hint="Send it in parts, or without the search.",
                param="text",
            )
        tokens = self._tokenize(
            call.text, add_special=call.add_special, parse_special=call.parse_special
        )
        pieces = tuple(self._vocab.piece(token, special=True) for token in tokens)
        return Tokens(tokens=tuple(tokens), pieces=pieces)

    def detokenize(self, call: Detokenize) -> str:
        """Raises InvalidRequest for what is no token."""
        self._check_tokens(call.tokens, "tokens")
        pieces = (self._vocab.piece(token, special=True) for token in call.tokens)
        return b"".join(pieces).decode("utf-8", "replace")

    def _check_embed(self, call: Embed) -> None:
        _check_count(len(call.inputs), "input")
        if call.dimensions is not None and call.dimensions > self._size:
            raise InvalidRequest(
                f"{call.dimensions} dimensions are asked for, and this model's vectors have "
                f"{self._size}.",
                hint="Ask for fewer, or leave `dimensions` out.",
                param="dimensions",
            )
        most = _MAX_RESULT_BYTES // (4 * (call.dimensions or self._size))
        if len(call.inputs) > most:
            raise InvalidRequest(
                f"{len(call.inputs)} inputs are more than the {most} that one request may have "
                "with vectors of this length.",
                hint="Send several requests.",
                param="input",
            )

    def _text(self, text: str, where: _Place) -> list[int]:
        _check_text(text, where)
        self._refuse_hopeless(text, where)
        return self._tokenize(text, add_special=True)

    def _given(self, tokens: Sequence[int], where: _Place) -> list[int]:
        self._check_tokens(tokens, where.param)
        return list(tokens)

    def _check_tokens(self, tokens: Sequence[int], param: str) -> None:
        for token in tokens:
            if not 0 <= token < self._vocab.size:
                raise InvalidRequest(
                    f"{token} is no token of this model.",
                    hint=f"Token ids go from 0 to {self._vocab.size - 1}.",
                    param=param,
                )

    def _pair(self, query: str, document: str) -> list[int]:
        if not self._pairs.template:
            return [
                *self._pairs.begin,
                *self._tokenize(query),
                *self._pairs.between,
                *self._tokenize(document),
                *self._pairs.end,
            ]
        parts = list(_filled(self._pairs.template, query, document))
        if self._is_plain(query) and self._is_plain(document):
            # In one piece, as the model was trained to see it.
            whole = "".join(text for text, _ in parts)
            return self._tokenize(whole, parse_special=True)
        tokens: list[int] = []
        for text, own in parts:
            tokens += self._tokenize(text, parse_special=own)
        return tokens

    def _tokenize(
        self, text: str, *, add_special: bool = False, parse_special: bool = False
    ) -> list[int]:
        if self._decompose:
            text = unicodedata.normalize("NFD", text)
        return self._vocab.tokenize(text, add_special=add_special, parse_special=parse_special)

    def _is_plain(self, text: str) -> bool:
        """Does it hold no text of a control token? Such must not end the prompt's part."""
        tokens = self._tokenize(text, parse_special=True)
        return not self._vocab.control_tokens(tokens)

    def _check_length(self, tokens: Sequence[int], where: _Place) -> None:
        if not tokens:
            raise _empty(where)
        if len(tokens) > self._longest:
            raise self._overflow(where, len(tokens), f"{len(tokens)}")

    def _refuse_hopeless(self, text: str, where: _Place) -> None:
        if len(text) <= _SLICE_CHARS:
            return
        surely = 0
        for start in range(0, len(text), _SLICE_CHARS):
            found = self._tokenize(text[start : start + _SLICE_CHARS])
            surely += max(0, len(found) - _CUT_TOKENS)
            if surely > self._longest:
                raise self._overflow(where, surely, f"more than {surely}")

    def _overflow(self, where: _Place, tokens: int, count: str) -> ContextOverflow:
        return ContextOverflow(
            f"{where.words} has {count} tokens, and this model reads at most {self._longest} "
            "at once.",
            hint="Send a shorter text, or split it.",
            param=where.param,
            prompt_tokens=tokens,
            context_length=self._longest,
        )


@dataclass(frozen=True, slots=True)
class _Place:
    """Which of a call's texts is meant."""

    field: str
    index: int
    count: int

    @property
    def param(self) -> str:
        return f"{self.field}[{self.index}]" if self.count > 1 else self.field

    @property
    def words(self) -> str:
        noun = {"input": "input", "documents": "document", "query": "query"}[self.field]
        if self.count == 1:
            return f"The {noun}"
        return f"{noun.capitalize()} {self.index} (of 0 to {self.count - 1})"


def _check_count(count: int, param: str) -> None:
    if not 0 < count <= MAX_EMBED_INPUTS:
        raise InvalidRequest(
            f"`{param}` holds {count} texts, and it must be 1 to {MAX_EMBED_INPUTS}.",
            hint="Send several requests." if count else "Send at least one text.",
            param=param,
        )


def _check_text(text: str, where: _Place) -> None:
    if not text:
        raise _empty(where)


def _empty(where: _Place) -> InvalidRequest:
    return InvalidRequest(
        f"{where.words} is empty.", hint="Send at least one character.", param=where.param
    )


def _filled(template: str, query: str, document: str) -> Iterator[tuple[str, bool]]:
    """The parts of the prompt; True for the template's own. What a text says of `{document}` is
    text."""
    texts = {"{query}": query, "{document}": document}
    for part in re.split(r"(\{query\}|\{document\})", template):
        if part:
            yield texts.get(part, part), part not in texts
