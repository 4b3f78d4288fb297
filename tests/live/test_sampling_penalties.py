"""Penalties for repetition, and mirostat, computed here a second time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from fakes.chains import (
    FORBIDDEN,
    LOGITS,
    MakeChain,
    Probabilities,
    approx,
    expected,
    left,
    softmax,
)
from hob.engine.native.vocab import Vocab
from hob.wire.sampling import SamplerName

# Penalties


def penalised(chain: MakeChain, past: Sequence[int], **values: Any) -> Probabilities:
    return left(chain("penalties", past=past, **values))


def test_the_repeat_penalty_divides_good_logits_and_multiplies_bad_ones(chain: MakeChain) -> None:
    assert penalised(chain, [0, 4], repeat_penalty=1.5) == approx(
        expected([2.0, 2.0, 1.5, 0.0, -1.5])
    )


def test_the_frequency_penalty_counts(chain: MakeChain) -> None:
    assert penalised(chain, [0, 1, 1], frequency_penalty=0.5) == approx(
        expected([2.5, 1.0, 1.5, 0.0, -1.0])
    )


def test_the_presence_penalty_does_not_count(chain: MakeChain) -> None:
    assert penalised(chain, [0, 1, 1], presence_penalty=0.5) == approx(
        expected([2.5, 1.5, 1.5, 0.0, -1.0])
    )


def test_penalties_look_back_on_their_window_alone(chain: MakeChain) -> None:
    past = [0, 1, 2]
    assert penalised(chain, past, presence_penalty=1.0, repeat_last_n=2) == approx(
        expected([3.0, 1.0, 0.5, 0.0, -1.0])
    )
    assert penalised(chain, past, presence_penalty=1.0, repeat_last_n=0) == approx(expected(LOGITS))


# DRY: after "5 6 7 0 ... 5 6 7" the token 0 would repeat a sequence of three.

REPEATING = [5, 6, 7, 0, 8, 9, 5, 6, 7]


def dry_penalty(chain: MakeChain, past: Sequence[int] = REPEATING, **values: Any) -> float:
    """What DRY takes from the logit of token 0."""
    values = {"dry_multiplier": 1.0, "dry_sequence_breakers": ()} | values
    p = left(chain("dry", past=past, **values))
    return LOGITS[0] - LOGITS[1] - math.log(p[0] / p[1])


@pytest.mark.parametrize(("multiplier", "base", "allowed"), [(1, 1.75, 2), (0.5, 2, 2), (1, 2, 0)])
def test_dry_grows_with_the_length_of_the_repetition(
    chain: MakeChain, multiplier: float, base: float, allowed: int
) -> None:
    penalty = dry_penalty(
        chain, dry_multiplier=multiplier, dry_base=base, dry_allowed_length=allowed
    )
    assert penalty == pytest.approx(multiplier * base ** (3 - allowed), rel=1e-3)


def test_dry_allows_short_repetitions(chain: MakeChain) -> None:
    assert dry_penalty(chain, dry_allowed_length=4) == pytest.approx(0, abs=1e-5)


def test_dry_looks_back_on_its_window_alone(chain: MakeChain) -> None:
    assert dry_penalty(chain, dry_penalty_last_n=9) > 1
    assert dry_penalty(chain, dry_penalty_last_n=5) == pytest.approx(0, abs=1e-5)
    assert dry_penalty(chain, dry_penalty_last_n=0) == pytest.approx(0, abs=1e-5)


def test_a_sequence_breaker_ends_what_dry_compares(chain: MakeChain, vocab: Vocab) -> None:
    (newline,) = vocab.tokenize("\n", add_special=False, parse_special=False)
    past = [newline if token == 6 else token for token in REPEATING]
    assert dry_penalty(chain, past) > 1
    assert dry_penalty(chain, past, dry_sequence_breakers=("\n",)) == pytest.approx(0, abs=1e-5)


def test_dry_counts_tokens_that_come_later(chain: MakeChain) -> None:
    one = chain("dry", dry_multiplier=5.0, dry_sequence_breakers=())
    assert left(one) == approx(expected(LOGITS))
    for token in REPEATING:
        one.accept(token)
    assert left(one)[0] < 0.01


# Mirostat


def test_mirostat_2_cuts_at_a_surprise_that_adapts(chain: MakeChain) -> None:
    tau, eta = 0.6, 0.5
    adapting = chain(mirostat=2, mirostat_tau=tau, mirostat_eta=eta)
    most = 2 * tau
    kept: list[int] = []
    for _ in range(5):
        surprise = [-math.log2(p) for p in softmax(LOGITS)]
        kept = [token for token in range(len(LOGITS)) if surprise[token] <= most] or [0]
        token, probabilities = adapting.draw(LOGITS)
        assert probabilities == approx(expected(LOGITS, kept))
        most -= eta * (-math.log2(probabilities[token]) - tau)
    assert len(kept) > 1


def test_mirostat_1_keeps_more_for_a_larger_target(chain: MakeChain) -> None:
    logits = [-2 * math.log(rank) for rank in range(1, 200)]

    def kept(tau: float) -> int:
        return len(left(chain(mirostat=1, mirostat_tau=tau), logits))

    assert kept(0.0) < kept(2.0) < kept(4.0)


@pytest.mark.parametrize("version", [1, 2])
def test_mirostat_learns_as_fast_as_eta_says(chain: MakeChain, version: int) -> None:
    logits = [-2 * math.log(rank) for rank in range(1, 200)]

    def sizes(eta: float) -> list[int]:
        one = chain(mirostat=version, mirostat_tau=2.0, mirostat_eta=eta)
        return [len(left(one, logits)) for _ in range(6)]

    assert len(set(sizes(0.0))) == 1
    assert len(set(sizes(0.5))) > 1


@pytest.mark.parametrize("version", [1, 2])
def test_mirostat_ignores_what_truncates_but_not_penalties_and_temperature(
    chain: MakeChain, version: int
) -> None:
    used: tuple[SamplerName, ...] = ("penalties", "top_k", "top_p", "min_p", "temperature")
    truncating = {"top_k": 1, "top_p": 0.0, "min_p": 1.0}
    one = chain(
        *used,
        **truncating,
        mirostat=version,
        mirostat_tau=5.0,
        temperature=2.0,
        presence_penalty=1.0,
        past=[0],
    )
    assert left(one, [4.0, 2.0]) == approx(expected([1.5, 1.0]))


@pytest.mark.parametrize("version", [1, 2])
def test_mirostat_draws_among_what_is_allowed(chain: MakeChain, version: int) -> None:
    one = chain(mirostat=version, mirostat_tau=5.0)
    tokens = {one.draw((FORBIDDEN, 1.0, 0.5, FORBIDDEN, 0.2))[0] for _ in range(40)}
    assert tokens == {1, 2, 4}
