"""Greedy answers of a worker, token by token, and when two of them count as the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fakes.engine_process import Answer, EngineProcess
from hob.wire.generate import GenerateRequest, Sampling

# It forbids the end of the answer, so that all are equally long.
GREEDY = Sampling(temperature=0, ignore_eos=True)
# Sums of floating-point numbers depend on how a batch is cut, so the order of two tokens whose
# logits are nearly the same may change. A wrong cache changes logits by far more.
TIE = 0.05


@dataclass(frozen=True, slots=True)
class Drawn:
    """A token, with the two most likely ones in its place and the gap between their logits."""

    token: int
    best: tuple[int, int]
    gap: float


def drawn(answer: Answer) -> list[Drawn]:
    found = []
    for delta in answer.deltas:
        for logprob in delta.logprobs:
            first, second = logprob.top[:2]
            gap = first.logprob - second.logprob
            found.append(Drawn(logprob.token, (first.token, second.token), gap))
    return found


def ask(
    worker: EngineProcess, id: str, prompt: Sequence[int], count: int = 32
) -> tuple[list[Drawn], int]:
    """The greedy answer to these tokens, and how many of them came out of the cache."""
    answer = worker.answer(
        GenerateRequest(id=id, prompt=tuple(prompt), max_tokens=count, sampling=GREEDY, logprobs=2)
    )
    return drawn(answer), answer.finished.usage.cached_tokens


def same(expected: Sequence[Drawn], got: Sequence[Drawn]) -> bool:
    """Are they the same up to the end, or to a tie, which is printed? After a tie the two answer
    different texts."""
    assert len(expected) == len(got)
    for place, (one, other) in enumerate(zip(expected, got, strict=True)):
        if one.token != other.token:
            print(f"token {place}: {one} or {other}")
            return one.gap < TIE and {one.token, other.token} == set(one.best)
    return True
