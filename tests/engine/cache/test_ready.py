"""Room that is made while nobody asks anything."""

from __future__ import annotations

from fakes.runtime import FakeRuntime
from hob.engine.cache.prefixes import PrefixCache

LENGTH = 70


def remembering(ram_bytes: int) -> tuple[FakeRuntime, PrefixCache]:
    """Two idle slots that hold a long text each, in a cache of three slots and 200 cells."""
    runtime = FakeRuntime(context_length=200, slots=1, remembered=2)
    cache = PrefixCache(runtime, ram_bytes)
    for first in (1, 2):
        tokens = [first, *range(10, 9 + LENGTH)]
        beginning = cache.begin(str(first), (), tokens)
        assert beginning is not None
        runtime.cells[beginning.slot].extend(runtime.new_cells(tokens))
        cache.grow(beginning.slot, tokens)
        cache.release(beginning.slot)
    return runtime, cache


def test_the_slot_unused_for_longest_is_moved_to_ram_before_somebody_asks() -> None:
    runtime, cache = remembering(100_000)
    assert cache.make_ready(slots=2, cells=0)
    assert not cache.make_ready(slots=2, cells=0)
    assert runtime.used_cells == LENGTH
    tokens = [1, *range(10, 9 + LENGTH)]
    again = cache.begin("again", (), tokens)
    assert again is not None
    assert (again.computed, runtime.restores) == (LENGTH, 1)


def test_what_does_not_fit_into_ram_stays_where_it_is() -> None:
    runtime, cache = remembering(100)
    assert not cache.make_ready(slots=2, cells=0)
    assert runtime.used_cells == 2 * LENGTH


def test_the_slot_that_was_used_last_stays() -> None:
    runtime, cache = remembering(100_000)
    assert cache.make_ready(slots=3, cells=200)
    assert not cache.make_ready(slots=3, cells=200)
    assert runtime.used_cells == LENGTH
