"""Several requests that want the same processor: who waits for whom, and how long."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bench import load
from bench.measure import Pairs, in_turns
from bench.servers import Hob, Peer, Server

# Until a server is well into the document.
_INTO_S = 0.3


@dataclass(frozen=True)
class Reading:
    """Milliseconds to the first token: `short` of a question that comes while a document is being
    read, of both; `document` of the document itself in that time, beside Hob's alone."""

    short: Pairs
    document: Pairs


def while_reading(hob: Hob, peer: Peer, rounds: int, words: int) -> Reading:
    chance = random.Random()
    documents: dict[str, list[float]] = {hob.name: [], peer.name: []}
    alone: list[float] = []

    def both(server: Server) -> float:
        short, document = _both(server, load.text_of(words, chance), load.text_of(8, chance))
        documents[server.name].append(document)
        return short

    def of_hob(_number: int) -> float:
        alone.append(load.stream(hob.address, load.text_of(words, chance), 4).first_s * 1000)
        return both(hob)

    short = in_turns(rounds, of_hob, lambda _number: both(peer))
    return Reading(short, Pairs(tuple(documents[hob.name]), tuple(alone)))


def _both(server: Server, document: str, question: str) -> tuple[float, float]:
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(load.stream, server.address, document, 4)
        time.sleep(_INTO_S)
        short = load.stream(server.address, question, 4)
        return short.first_s * 1000, reading.result().first_s * 1000


@dataclass(frozen=True)
class Queue:
    """Seconds that the last to be served waited for its first token, and how many answers came."""

    waits: Pairs
    answered: int
    asked: int


def queue(hob: Hob, peer: Peer, rounds: int, requests: int) -> Queue:
    """More requests at once than there are slots."""
    chance = random.Random()
    prompts = [[load.prompt_of(12, chance) for _ in range(requests)] for _ in range(rounds)]
    answered = 0

    def worst(server: Server, number: int) -> float:
        nonlocal answered
        answers = load.at_once(server.address, prompts[number], 24)
        if server is hob:
            answered += sum(answer.completion_tokens > 0 for answer in answers)
        return max(answer.first_s for answer in answers)

    waits = in_turns(rounds, lambda n: worst(hob, n), lambda n: worst(peer, n))
    return Queue(waits, answered, rounds * requests)


_SCHEMA = {
    "type": "array",
    "minItems": 6,
    "items": {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 24}, "age": {"type": "integer"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    },
}


@dataclass(frozen=True)
class Structured:
    """Milliseconds a token: output of a JSON Schema beside free text, of each."""

    hob: Pairs
    peer: Pairs


def structured(hob: Hob, peer: Peer, rounds: int) -> Structured:
    form = {"type": "json_schema", "json_schema": {"name": "people", "schema": _SCHEMA}}
    prompts = [f"Make up {6 + number} people as JSON." for number in range(rounds)]

    def a_token(server: Server, prompt: str, **options: object) -> float:
        return 1000 / load.stream(server.address, prompt, 96, **options).tokens_per_second

    def of(server: Server) -> Pairs:
        return in_turns(
            rounds,
            lambda n: a_token(server, prompts[n], response_format=form),
            lambda n: a_token(server, prompts[n] + " Then write a very long story."),
        )

    return Structured(of(hob), of(peer))
