"""The load generator: the same few lines of HTTP for Hob's socket and the peer's TCP port."""

from __future__ import annotations

import http.client
import json
import random
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT = 120.0
_WORDS = (
    "river",
    "stone",
    "lantern",
    "market",
    "winter",
    "copper",
    "garden",
    "letter",
    "harbour",
    "violin",
    "bread",
    "mountain",
    "engine",
    "forest",
    "mirror",
    "captain",
    "silver",
    "meadow",
    "thunder",
    "candle",
    "bridge",
    "orchard",
    "falcon",
    "compass",
)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@dataclass(frozen=True)
class Address:
    """Where a server listens: a UNIX socket, or a port on loopback."""

    place: Path | int

    def connect(self) -> http.client.HTTPConnection:
        if isinstance(self.place, Path):
            return _UnixConnection(self.place)
        return http.client.HTTPConnection("127.0.0.1", self.place, timeout=TIMEOUT)

    def request(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """One request; its status and the whole reply."""
        connection = self.connect()
        try:
            text = None if body is None else json.dumps(body)
            headers = {} if text is None else {"Content-Type": "application/json"}
            connection.request(method, path, text, headers)
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()


@dataclass(frozen=True)
class Answer:
    """Times in seconds: until the first text, and from the first text to the last."""

    first_s: float
    rest_s: float
    prompt_tokens: int
    completion_tokens: int

    @property
    def tokens_per_second(self) -> float:
        """The decode rate; the first token belongs to reading the prompt."""
        return (self.completion_tokens - 1) / self.rest_s


def stream(address: Address, prompt: str, max_tokens: int, **options: object) -> Answer:
    """Ask once, streaming, the most likely token each time; `options` go into the body."""
    body = {
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": max_tokens,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
        **options,
    }
    connection = address.connect()
    connection.connect()
    began = time.perf_counter()
    connection.request(
        "POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"}
    )
    reply = connection.getresponse()
    if reply.status != http.HTTPStatus.OK:
        raise RuntimeError(f"{address.place} answered {reply.status}: {reply.read()!r}")
    first = last = 0.0
    usage = {"prompt_tokens": 0, "completion_tokens": 0}
    for chunk in _events(reply):
        now = time.perf_counter()
        if chunk.get("choices") and chunk["choices"][0]["delta"].get("content"):
            first = first or now
            last = now
        usage = chunk.get("usage") or usage
    connection.close()
    return Answer(first - began, last - first, usage["prompt_tokens"], usage["completion_tokens"])


def at_once(address: Address, prompts: list[str], max_tokens: int) -> list[Answer]:
    """The answers to all prompts, asked at the same time."""
    with ThreadPoolExecutor(len(prompts)) as pool:
        return list(pool.map(lambda prompt: stream(address, prompt, max_tokens), prompts))


def together(address: Address, prompts: list[str], max_tokens: int) -> float:
    """All prompts at the same time; tokens per second of all answers together."""
    began = time.perf_counter()
    answers = at_once(address, prompts, max_tokens)
    return sum(answer.completion_tokens for answer in answers) / (time.perf_counter() - began)


def text_of(words: int, chance: random.Random) -> str:
    """Some 1.1 tokens a word, and words that no cache can know."""
    return " ".join(chance.choice(_WORDS) for _ in range(words))


def prompt_of(words: int, chance: random.Random) -> str:
    """A prompt whose first words were not seen before."""
    return f"{text_of(words, chance)}: write a very long story about all of these."


def _events(reply: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    for line in reply:
        if line.startswith(b"data: ") and not line.startswith(b"data: [DONE]"):
            yield json.loads(line[6:])
