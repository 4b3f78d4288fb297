"""Prompts whose beginning is known: in the cache, from the disk, and read ahead.

Milliseconds to the first token, each for a prompt with another end than the one before.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from bench import load
from bench.measure import Pairs, in_turns
from bench.servers import Hob, Peer, Server

_QUESTIONS = ("\n\nSum this up.", "\n\nWhat is this about?")


def cached(hob: Hob, peer: Peer, rounds: int, words: int) -> Pairs:
    """Each is asked another question about a text that it has just answered one about."""
    chance = random.Random()
    texts = [load.text_of(words, chance) for _ in range(rounds)]

    def again(server: Server, number: int) -> float:
        first_token(server, texts[number] + _QUESTIONS[0])
        return first_token(server, texts[number] + _QUESTIONS[1])

    return in_turns(rounds, lambda n: again(hob, n), lambda n: again(peer, n))


@dataclass(frozen=True)
class Reloaded:
    """`hob` holds the times after a reload beside those when the text was new; `peer` the times of
    llama-server after a restart."""

    hob: Pairs
    peer: tuple[float, ...]


def reloaded(hob: Hob, peer: Peer, rounds: int, words: int) -> Reloaded:
    """The text is read, the model unloaded and loaded again, and asked about anew."""
    chance = random.Random()
    warm, cold, restarted = [], [], []
    for _ in range(rounds):
        text = load.text_of(words, chance)
        cold.append(first_token(hob, text + _QUESTIONS[0]))
        hob.use()
        warm.append(first_token(hob, text + _QUESTIONS[1]))
        first_token(peer, text + _QUESTIONS[0])
        peer.stop()
        peer.start()
        restarted.append(first_token(peer, text + _QUESTIONS[1]))
    return Reloaded(Pairs(tuple(warm), tuple(cold)), tuple(restarted))


def read_ahead(hob: Hob, rounds: int, words: int) -> Pairs:
    """Hob after `/hob/v1/prefill` of a text, beside Hob without it."""
    chance = random.Random()
    texts = [[load.text_of(words, chance) for _ in range(2)] for _ in range(rounds)]

    def ahead(number: int) -> float:
        hob.prefill(texts[number][0])
        return first_token(hob, texts[number][0] + _QUESTIONS[0])

    return in_turns(
        rounds, ahead, lambda number: first_token(hob, texts[number][1] + _QUESTIONS[0])
    )


def first_token(server: Server, prompt: str) -> float:
    return load.stream(server.address, prompt, 4).first_s * 1000
