"""Each sampling value does to the candidates what it says, computed here a second time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from fakes.chains import (
    FORBIDDEN,
    LOGITS,
    Chain,
    MakeChain,
    approx,
    expected,
    left,
    softmax,
)
from hob.engine.native.vocab import Vocab
from hob.wire.sampling import Sampling

# What truncates


def test_without_samplers_every_token_has_its_own_probability(chain: MakeChain) -> None:
    unused = {"top_k": 1, "top_p": 0.0, "min_p": 1.0, "typical_p": 0.0, "top_n_sigma": 0.1}
    assert left(chain(temperature=0.5, xtc_probability=1.0, **unused)) == approx(expected(LOGITS))


def test_top_k_keeps_so_many(chain: MakeChain) -> None:
    assert left(chain("top_k", top_k=3)) == approx(expected(LOGITS, [0, 1, 2]))
    assert left(chain("top_k", top_k=0)) == approx(expected(LOGITS))


def test_top_k_1_is_greedy_whatever_the_temperature(chain: MakeChain) -> None:
    hot = chain("top_k", "temperature", top_k=1, temperature=100.0)
    assert {hot.draw(LOGITS)[0] for _ in range(20)} == {0}


def test_top_p_keeps_the_fewest_that_reach_it(chain: MakeChain) -> None:
    shares = np.cumsum(softmax(LOGITS))
    assert shares[0] < 0.7 < shares[1]
    assert left(chain("top_p", top_p=0.7)) == approx(expected(LOGITS, [0, 1]))


def test_min_p_keeps_what_comes_near_the_best(chain: MakeChain) -> None:
    share = math.exp(LOGITS[2] - LOGITS[0])
    assert set(left(chain("min_p", min_p=share * 0.99))) == {0, 1, 2}
    assert set(left(chain("min_p", min_p=share * 1.01))) == {0, 1}


def test_typical_p_keeps_what_surprises_as_much_as_is_usual(chain: MakeChain) -> None:
    p = np.array(softmax(LOGITS))
    distance = np.abs(-np.log(p) - float((-p * np.log(p)).sum()))
    order = [int(n) for n in np.argsort(distance)]
    assert order[0] == 1, "the most typical is not the likeliest here"
    kept = left(chain("typ_p", typical_p=float(p[order[0]]) * 0.9))
    assert kept == approx({1: 1.0})
    kept = left(chain("typ_p", typical_p=float(p[order[:2]].sum()) * 0.99))
    assert set(kept) == set(order[:2])


def test_typical_p_is_not_disturbed_by_forbidden_tokens(chain: MakeChain) -> None:
    logits = (*LOGITS, FORBIDDEN, FORBIDDEN)
    assert left(chain("typ_p", typical_p=0.2), logits) == approx({1: 1.0})


def test_top_n_sigma_keeps_what_is_within_n_deviations_of_the_best(chain: MakeChain) -> None:
    deviation = float(np.std(LOGITS))
    n = (LOGITS[0] - LOGITS[2]) / deviation
    assert left(chain("top_n_sigma", top_n_sigma=n * 1.01)) == approx(
        expected(LOGITS, [0, 1, 2]) | {3: 0.0, 4: 0.0}
    )
    assert left(chain("top_n_sigma", top_n_sigma=n * 0.99))[2] == 0


def test_xtc_drops_all_but_the_last_above_the_threshold(chain: MakeChain) -> None:
    p = softmax(LOGITS)
    always = chain("xtc", xtc_probability=1.0, xtc_threshold=p[2] * 0.99)
    assert left(always) == approx(expected(LOGITS, [2, 3, 4]))
    always = chain("xtc", xtc_probability=1.0, xtc_threshold=p[1] * 0.99)
    assert left(always) == approx(expected(LOGITS, [1, 2, 3, 4]))


def test_xtc_happens_as_often_as_its_probability(chain: MakeChain) -> None:
    def share(probability: float) -> float:
        sometimes = chain("xtc", xtc_probability=probability, xtc_threshold=0.1)
        return sum(0 not in left(sometimes) for _ in range(400)) / 400

    assert share(0.0) == 0
    assert share(0.25) == pytest.approx(0.25, abs=0.08)


def test_xtc_never_leaves_only_what_is_forbidden(chain: MakeChain) -> None:
    always = chain("xtc", xtc_probability=1.0, xtc_threshold=0.0)
    assert always.draw((*LOGITS, FORBIDDEN))[0] == 4


# Temperature


def test_temperature_divides_the_logits(chain: MakeChain) -> None:
    halves = [logit / 2 for logit in LOGITS]
    assert left(chain("temperature", temperature=2.0)) == approx(expected(halves))


@pytest.mark.parametrize("temperature", [0.0, 1e-40, 1e-5])
def test_no_temperature_takes_the_likeliest(chain: MakeChain, temperature: float) -> None:
    cold = chain("temperature", temperature=temperature)
    assert {cold.draw((1.0, 3.0, 2.0, 0.0))[0] for _ in range(20)} == {1}


@pytest.mark.parametrize(("spread", "exponent"), [(0.5, 1.0), (0.5, 3.0), (1.5, 2.0)])
def test_dynamic_temperature_follows_the_entropy(
    chain: MakeChain, spread: float, exponent: float
) -> None:
    p = np.array(softmax(LOGITS))
    entropy = float((-p * np.log(p)).sum()) / math.log(len(LOGITS))
    low, high = max(1.0 - spread, 1e-3), 1.0 + spread
    temperature = low + (high - low) * entropy**exponent
    dynamic = chain("temperature", dynatemp_range=spread, dynatemp_exponent=exponent)
    assert left(dynamic) == approx(expected([logit / temperature for logit in LOGITS]))


def test_dynamic_temperature_down_to_nothing_takes_the_likeliest(chain: MakeChain) -> None:
    cold = chain("temperature", dynatemp_range=2.0, dynatemp_exponent=100.0)
    assert {cold.draw((1.0, 0.0, 2.0, 4.0, -1.0))[0] for _ in range(20)} == {3}


def test_temperature_0_takes_the_likeliest_after_bias_and_penalties(chain: MakeChain) -> None:
    assert chain(temperature=0.0, logit_bias={3: 9.0}).draw(LOGITS)[0] == 3
    greedy = chain(
        "temperature", "penalties", temperature=0.0, presence_penalty=2.0, past=[0], mirostat=1
    )
    assert greedy.draw(LOGITS)[0] == 1


# Order, bias and seeds


def test_the_order_of_the_samplers_is_kept(chain: MakeChain) -> None:
    values = {"temperature": 5.0, "top_p": 0.7}
    assert len(left(chain("top_p", "temperature", **values))) == 2
    assert len(left(chain("temperature", "top_p", **values))) == 3


def test_the_default_order_penalises_before_it_truncates(vocab: Vocab) -> None:
    values: dict[str, Any] = {"temperature": 1.0, "presence_penalty": 2.0, "top_k": 1}
    one = Chain(vocab, Sampling(**values), past=[0])
    other = Chain(vocab, Sampling(samplers=("top_k", "penalties"), **values), past=[0])
    assert one.draw(LOGITS)[0] == 1
    assert other.draw(LOGITS)[0] == 0
    one.close()
    other.close()


def test_a_bias_is_added_to_the_logit(chain: MakeChain) -> None:
    assert left(chain(logit_bias={0: -2.0, 4: 1.5})) == approx(expected([1.0, 2.0, 1.5, 0.0, 0.5]))


@pytest.mark.parametrize("bias", [math.inf, 1e300, 1e38, 100.0])
def test_a_huge_bias_forces_a_token(chain: MakeChain, bias: float) -> None:
    assert {chain(logit_bias={3: bias}).draw(LOGITS)[0] for _ in range(20)} == {3}


@pytest.mark.parametrize("bias", [-math.inf, -1e300, -100.0])
def test_a_huge_negative_bias_forbids_a_token(chain: MakeChain, bias: float) -> None:
    assert left(chain(logit_bias={0: bias}))[0] < 1e-30


def test_a_bias_against_every_token_still_draws_the_likely_ones(chain: MakeChain) -> None:
    banned = chain(logit_bias=dict.fromkeys(range(len(LOGITS)), -math.inf), temperature=0.0)
    assert banned.draw(LOGITS)[0] == 0


def series(one: Chain) -> list[int]:
    return [one.draw(LOGITS)[0] for _ in range(40)]


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
@pytest.mark.parametrize("mirostat", [0, 1, 2])
def test_a_seed_repeats_the_draws(chain: MakeChain, seed: int, mirostat: int) -> None:
    one, same, other = (chain(seed=s, mirostat=mirostat) for s in (seed, seed, 99))
    drawn = series(one)
    assert drawn == series(same)
    assert drawn != series(other)


def test_a_seed_repeats_what_xtc_does(chain: MakeChain) -> None:
    def dropped(seed: int) -> list[bool]:
        one = chain("xtc", xtc_probability=0.5, seed=seed)
        return [0 not in left(one) for _ in range(40)]

    assert dropped(1) == dropped(1) != dropped(2)


def test_without_a_seed_draws_differ(chain: MakeChain) -> None:
    assert series(chain(seed=None)) != series(chain(seed=None))
