"""Which addresses of an answer can be opened, and how they are shown before. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

MAX_ADDRESS_CHARS = 2_000

# What opens in a browser or a mail program, and nothing that runs, reads files or calls programs.
_SCHEMES = ("http", "https", "mailto")
_BARE = re.compile(r"https?://[^\s<>\"'`\u0000-\u001f]{3,2000}")
_TRAILING = ".,;:!?)]}*_\u2026"


def safe_address(address: str) -> str | None:
    """The address as it may be shown and opened, the host in the letters that it is looked up by;
    None for what must not be opened."""
    if len(address) > MAX_ADDRESS_CHARS or not address.isprintable() or " " in address:
        return None
    try:
        parts = urlsplit(address)
        if parts.scheme not in _SCHEMES:
            return None
        if parts.scheme == "mailto":
            return quote(address, safe=":@?&=%+.,_-")
        # A name before the host only serves to look like another host.
        if not parts.hostname or parts.username is not None:
            return None
        host = parts.hostname.encode("idna").decode()
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    rest = address.split(parts.netloc, 1)[1]
    # A host of IPv6 loses its brackets above.
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}{port}{quote(rest, safe='/?#&=%:;,+@!$()*~._-[]')}"


def with_addresses(text: str) -> Iterator[tuple[str, str]]:
    """The text in pieces, each with the address that it is, or an empty one."""
    done = 0
    for found in _BARE.finditer(text):
        bare = found[0].rstrip(_TRAILING)
        if safe_address(bare) is None:
            continue
        if found.start() > done:
            yield text[done : found.start()], ""
        yield bare, bare
        done = found.start() + len(bare)
    if done < len(text):
        yield text[done:], ""
