"""The vocabulary of a loaded model: text to tokens and back."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence

from hob.engine.native.library import lib
from hob.engine.prompts.vocabulary import InfillTokens
from hob.errors import InvalidRequest, WorkerError

_PIECE_BYTES = 128
_CONTROL = lib.LLAMA_TOKEN_ATTR_CONTROL | lib.LLAMA_TOKEN_ATTR_UNKNOWN


class Vocab:
    """Borrowed from the model: valid while the model is open. Used by several threads at once."""

    def __init__(self, pointer: int) -> None:
        self._pointer = pointer
        self.size: int = lib.llama_vocab_n_tokens(pointer)
        self.adds_bos = bool(lib.llama_vocab_get_add_bos(pointer))
        self.adds_eos = bool(lib.llama_vocab_get_add_eos(pointer))
        self.prefixes_space = lib.llama_vocab_type(pointer) == lib.LLAMA_VOCAB_TYPE_SPM
        self.bos = _token(lib.llama_vocab_bos(pointer))
        self.eos = _token(lib.llama_vocab_eos(pointer))
        self.infill = _infill(pointer)
        self._pieces: dict[int, bytes] = {}
        self._special_pieces: dict[int, bytes] = {}
        self._ends: dict[int, bool] = {}
        self._plain: set[int] = set()

    @property
    def pointer(self) -> int:
        return self._pointer

    def text(self, token: int | None) -> str:
        """How the vocabulary writes a token, control tokens included; empty for None."""
        if token is None:
            return ""
        raw: bytes | None = lib.llama_vocab_get_text(self._pointer, token)
        return raw.decode("utf-8", "replace") if raw else ""

    def piece(self, token: int, special: bool = False) -> bytes:
        """The bytes that a token adds to the output: part of a character, or several; a control
        token adds none, unless `special` asks for its text."""
        pieces = self._special_pieces if special else self._pieces
        piece = pieces.get(token)
        if piece is None:
            piece = pieces[token] = self._read_piece(token, special)
        return piece

    def _read_piece(self, token: int, special: bool) -> bytes:
        buffer = ctypes.create_string_buffer(_PIECE_BYTES)
        size = lib.llama_token_to_piece(self._pointer, token, buffer, _PIECE_BYTES, 0, special)
        if size < 0:
            buffer = ctypes.create_string_buffer(-size)
            size = lib.llama_token_to_piece(self._pointer, token, buffer, -size, 0, special)
        return buffer.raw[:size]

    def is_end(self, token: int) -> bool:
        """Does this token end an answer?"""
        end = self._ends.get(token)
        if end is None:
            end = self._ends[token] = bool(lib.llama_vocab_is_eog(self._pointer, token))
        return end

    @functools.cached_property
    def end_tokens(self) -> tuple[int, ...]:
        """Every token that ends an answer."""
        is_end, pointer = lib.llama_vocab_is_eog, self._pointer
        return tuple(token for token in range(self.size) if is_end(pointer, token))

    def control_tokens(self, tokens: list[int]) -> set[int]:
        """Those of `tokens` that the tokenizer only makes when it parses special text."""
        control = set()
        for token in set(tokens) - self._plain:
            if lib.llama_vocab_get_attr(self._pointer, token) & _CONTROL:
                control.add(token)
            else:
                self._plain.add(token)
        return control

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Tokens of `text`; `add_special` adds BOS and EOS where the model wants them,
        `parse_special` turns the text of control tokens into these tokens.

        Raises InvalidRequest when the text cannot be encoded.
        """
        try:
            raw = text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise InvalidRequest(
                "The prompt holds half of a surrogate pair, which is not text.",
                hint="Send whole Unicode characters.",
            ) from error
        room = len(raw) + 4
        for _attempt in range(2):
            buffer = (lib.llama_token * room)()
            count = lib.llama_tokenize(
                self._pointer, raw, len(raw), buffer, room, add_special, parse_special
            )
            if count >= 0:
                return list(buffer[:count])
            room = -count
        raise WorkerError(f"llama.cpp could not tokenize a text of {len(raw)} bytes.")

    def detokenize(self, tokens: Sequence[int]) -> bytes:
        """The text of `tokens`, which must be of this vocabulary: that of control tokens included,
        and without the space that the tokenizer puts before a text."""
        text = b"".join(self.piece(token, special=True) for token in tokens)
        return text.removeprefix(b" ") if self._adds_space else text

    @functools.cached_property
    def _adds_space(self) -> bool:
        """llama_detokenize knows, and changes the spaces before punctuation as well."""
        tokens = self.tokenize("a", add_special=False, parse_special=False)
        return b"".join(map(self.piece, tokens)).startswith(b" ")


def _infill(pointer: int) -> InfillTokens | None:
    prefix, suffix, middle = (
        _token(find(pointer))
        for find in (lib.llama_vocab_fim_pre, lib.llama_vocab_fim_suf, lib.llama_vocab_fim_mid)
    )
    if prefix is None or suffix is None or middle is None:
        return None
    return InfillTokens(prefix, suffix, middle)


def _token(value: int) -> int | None:
    return None if value < 0 else value
