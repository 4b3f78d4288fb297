"""What a model can do, told from its header."""

from __future__ import annotations

import re

from hob.models.gguf.chat_template import template_facts
from hob.models.gguf.checks import is_projector
from hob.models.gguf.fill import PREFIXES, SUFFIXES
from hob.models.gguf.header import TEMPLATE_KEY, TOKENS_KEY, Header
from hob.wire.models import ENCODER_ARCHITECTURES, Capability

_POOLING_RANK = 4
_SPEECH_ARCHITECTURES = frozenset({"wavtokenizer-dec", "qwen3tts", "pockettts"})
_CHAT_WORDS = frozenset({"assistant", "chat", "instruct", "it"})


def capabilities_of(header: Header, architecture: str) -> tuple[Capability, ...]:
    """In the order in which they are listed; none for what is no model by itself."""
    if header.text("general.type") not in ("", "model") or is_projector(header, architecture):
        return ()
    pooling = header.integer(f"{architecture}.pooling_type") or 0
    labels = header.array(f"{architecture}.classifier.output_labels")
    if pooling == _POOLING_RANK or (labels and labels.length):
        return ("reranking",)
    if architecture in ENCODER_ARCHITECTURES or pooling > 0:
        return ("embedding",)
    if not architecture or architecture in _SPEECH_ARCHITECTURES:
        return ()
    return tuple(_of_generator(header))


def _of_generator(header: Header) -> list[Capability]:
    template = header.text(TEMPLATE_KEY)
    found: list[Capability] = []
    if template.strip() or _named_for_chat(header):
        found.append("chat")
    found.append("completion")
    facts = template_facts(template)
    if facts.tools:
        found.append("tools")
    if facts.thinking:
        found.append("thinking")
    if _fills_in(header):
        found.append("infill")
    return found


def _named_for_chat(header: Header) -> bool:
    words = f"{header.text('general.name')} {header.text('general.finetune')}".lower()
    return not _CHAT_WORDS.isdisjoint(re.split(r"[-_. ]+", words))


def _fills_in(header: Header) -> bool:
    tokens = header.array(TOKENS_KEY)
    texts = tokens.found if tokens else frozenset()

    def has(texts_wanted: frozenset[bytes], *names: str) -> bool:
        ids = (header.integer(f"tokenizer.ggml.{name}_token_id") for name in names)
        return not texts_wanted.isdisjoint(texts) or any(id_ is not None for id_ in ids)

    return has(PREFIXES, "fim_pre", "prefix") and has(SUFFIXES, "fim_suf", "suffix")
