"""The tokens between which llama.cpp has a model fill in text, for files that do not give ids."""

from __future__ import annotations

from hob.models.gguf.cursor import Marks

_PREFIX_TEXTS = (
    "<|fim_prefix|>",
    "<fim-prefix>",
    "<fim_prefix>",
    "<｜fim▁begin｜>",  # noqa: RUF001
    "<PRE>",
    "▁<PRE>",
    "<|code_prefix|>",
)
_SUFFIX_TEXTS = (
    "<|fim_suffix|>",
    "<fim-suffix>",
    "<fim_suffix>",
    "<｜fim▁hole｜>",  # noqa: RUF001
    "<SUF>",
    "▁<SUF>",
    "<|code_suffix|>",
)
PREFIXES = frozenset(text.encode() for text in _PREFIX_TEXTS)
SUFFIXES = frozenset(text.encode() for text in _SUFFIX_TEXTS)
_SIGNS = (b"fim", b"<PRE>", b"<SUF>", b"<|code_")
MARKS: Marks = {
    sign: tuple(text for text in sorted(PREFIXES | SUFFIXES) if sign in text) for sign in _SIGNS
}
