"""The ways in which Hob may know a model that a profile calls as another program does. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Hosts and owners: registry.ollama.ai/library/llama3.2:3b, hf.co/ORG/REPO-GGUF:Q4_K_M.
_JOINED = re.compile(r"([a-z]{2,})(\d)")
_GGUF = re.compile(r"[-_.]gguf(?=$|:)", re.IGNORECASE)


def spellings(name: str) -> Iterator[str]:
    """`name`, then what it may be called in the library: without its registry and owner, without
    -GGUF, and with Ollama's `llama3.2` as `llama-3.2`."""
    name = name.strip()
    seen = {name}
    yield name
    last = name.removesuffix(":latest").rpartition("/")[2]
    plain = _GGUF.sub("", last)
    for one in (last, plain, _JOINED.sub(r"\1-\2", plain, count=1)):
        if one and one not in seen:
            seen.add(one)
            yield one
