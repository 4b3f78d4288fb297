"""What steps cost, and the sizes that follow from it, on curves as machines have them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hob.engine.costs import CostCurve

CPU = {1: 9, 2: 15, 4: 25, 8: 37, 16: 62, 32: 125, 64: 240, 128: 431, 256: 838}
SLOW_CPU = {1: 400, 2: 600, 4: 1000, 8: 1700, 16: 3100, 32: 6000, 64: 11900, 128: 23700}
GPU = {1: 6, 2: 6, 4: 7, 8: 7, 16: 8, 32: 9, 64: 11, 128: 14, 256: 20, 512: 30}


def curve(milliseconds: dict[int, int], largest: int = 512) -> CostCurve:
    costs = CostCurve(largest, default_useful=32, default_full=128)
    for tokens, cost in milliseconds.items():
        costs.learn(tokens, cost / 1000)
    return costs


def test_nothing_is_known_at_first() -> None:
    costs = curve({})
    assert (costs.useful(0.08), costs.full(0.25)) == (32, 128)
    assert (costs.seconds(100), costs.reading(1000)) == (0, 0)


def test_defaults_are_never_more_than_what_is_possible() -> None:
    costs = CostCurve(8, default_useful=32, default_full=128)
    assert (costs.useful(0.08), costs.full(0.25)) == (8, 8)


def test_one_measurement_says_too_little() -> None:
    assert curve({1: 9}).useful(0.08) == 32


def test_between_two_sizes_the_cost_is_between_theirs() -> None:
    costs = curve(CPU)
    assert costs.seconds(16) == pytest.approx(0.062)
    assert costs.seconds(24) == pytest.approx((0.062 + 0.125) / 2)
    assert costs.seconds(512) == pytest.approx(2 * 0.838)


def test_below_the_smallest_known_size_it_costs_as_much_as_that() -> None:
    assert curve({8: 37, 16: 62}).seconds(1) == pytest.approx(0.037)


def test_a_size_in_between_counts_for_the_nearest_by_ratio() -> None:
    costs = curve({})
    costs.learn(100, 0.1)
    assert costs.seconds(128) == pytest.approx(0.128)
    assert costs.unknown((64, 128, 1024)) == [64]


def test_an_outlier_counts_for_little_and_a_lasting_change_is_learned() -> None:
    costs = curve(CPU)
    costs.learn(16, 60.0)
    assert costs.seconds(16) < 0.062 * 1.5
    for _ in range(40):
        costs.learn(16, 0.2)
    assert costs.seconds(16) == pytest.approx(0.2, rel=0.05)


def test_reading_is_at_the_best_known_rate() -> None:
    assert curve(CPU).reading(1000) == pytest.approx(1000 * 0.838 / 256)


def test_a_cpu_reads_little_while_others_wait_and_more_alone() -> None:
    costs = curve(CPU)
    assert 16 <= costs.useful(0.08) <= 24
    assert costs.seconds(costs.useful(0.08)) <= 0.08
    assert 96 <= costs.full(0.25) <= 128


def test_a_slow_cpu_reads_no_more_at_once_than_reads_well() -> None:
    costs = curve(SLOW_CPU)
    useful = costs.useful(0.08)
    best = 128 / costs.seconds(128)
    assert useful / costs.seconds(useful) >= 0.75 * best
    assert useful < 8
    assert costs.full(0.25) < 32


def test_a_gpu_reads_all_it_can() -> None:
    costs = curve(GPU)
    assert (costs.useful(0.08), costs.full(0.25)) == (512, 512)


@given(
    st.dictionaries(st.integers(1, 600), st.floats(1e-6, 100), max_size=12),
    st.integers(1, 512),
    st.floats(0.001, 1),
)
def test_sizes_are_at_least_one_and_never_more_than_the_largest(
    measured: dict[int, float], largest: int, target_s: float
) -> None:
    costs = CostCurve(largest, default_useful=32, default_full=128)
    for tokens, seconds in measured.items():
        costs.learn(min(tokens, largest), seconds)
    assert 1 <= costs.useful(target_s) <= largest
    assert 1 <= costs.full(target_s) <= largest


@given(st.dictionaries(st.sampled_from(sorted(CPU)), st.floats(0.001, 1), min_size=2))
def test_more_time_is_never_used_for_less(measured: dict[int, float]) -> None:
    costs = CostCurve(512, default_useful=32, default_full=128)
    for tokens, seconds in measured.items():
        costs.learn(tokens, seconds)
    assert costs.useful(0.05) <= costs.useful(0.1) or costs.seconds(costs.useful(0.05)) > 0.05
