"""Which slot a request gets, and what it finds there."""

from __future__ import annotations

from hob.engine.slots import Place, SlotTable


def table(slots: int = 2, cells: int = 100, floor: int = 0) -> SlotTable:
    return SlotTable(slots, cells, lambda _slot: floor)


def test_a_request_starts_from_the_longest_known_beginning() -> None:
    slots = table()
    slots.release(0, [1, 2, 3])
    slots.release(1, [1, 2, 3, 4, 5])
    assert slots.occupy("a", [1, 2, 3, 4, 9], 10) == Place(slot=1, keep=4, source=1, evict=())


def test_the_last_prompt_token_is_always_computed_again() -> None:
    slots = table(slots=1)
    slots.release(0, [1, 2, 3])
    assert slots.occupy("a", [1, 2, 3], 10).keep == 2


def test_an_unknown_prompt_takes_an_empty_slot() -> None:
    slots = table()
    slots.release(0, [1, 2, 3])
    assert slots.occupy("a", [9, 9], 10).slot == 1


def test_an_unknown_prompt_takes_the_slot_that_was_used_longest_ago() -> None:
    slots = table()
    for name in ("a", "b"):
        place = slots.occupy(name, [ord(name), 1, 1], 10)
        slots.release(place.slot, [ord(name), 1, 1])
    assert slots.occupy("c", [5, 5], 10).slot == 0


def test_a_long_conversation_is_shared_and_not_lost_to_a_short_common_beginning() -> None:
    slots = table()
    slots.release(0, [1, 2, *range(10, 40)])
    assert slots.occupy("a", [1, 2, 99], 10) == Place(slot=1, keep=2, source=0, evict=())


def test_idle_caches_give_way_when_cells_are_short() -> None:
    slots = table(slots=3, cells=100)
    slots.release(0, [1] * 40)
    slots.release(1, [2] * 40)
    place = slots.occupy("a", [9] * 10, 70)
    assert (place.slot, place.evict) == (2, (0, 1))


def test_only_as_many_caches_go_as_are_in_the_way() -> None:
    slots = table(slots=3, cells=100)
    slots.release(0, [1] * 40)
    slots.release(1, [2] * 40)
    assert slots.occupy("a", [9] * 10, 50).evict == (0,)


def test_memory_that_cannot_be_cut_is_used_only_as_a_whole() -> None:
    slots = table(slots=1, floor=100)
    slots.release(0, [1, 2, 3])
    assert slots.occupy("a", [1, 2, 9], 10).keep == 0


def test_memory_that_cannot_be_cut_serves_a_conversation_that_goes_on() -> None:
    slots = table(slots=1, floor=100)
    slots.release(0, [1, 2, 3])
    assert slots.occupy("a", [1, 2, 3, 4], 10).keep == 3


def test_a_window_that_has_moved_on_can_be_cut_only_near_its_end() -> None:
    slots = table(slots=1, floor=4)
    slots.release(0, [1, 2, 3, 4, 5, 6])
    assert slots.occupy("a", [1, 2, 3, 4, 5, 9], 10).keep == 5
    slots.release(0, [1, 2, 3, 4, 5, 6])
    assert slots.occupy("b", [1, 2, 9, 9], 10).keep == 0


def test_a_released_slot_and_its_cells_are_free_again() -> None:
    slots = table(slots=1, cells=100)
    slots.occupy("a", [1, 2], 60)
    assert (slots.free_slots, slots.free_cells) == (0, 40)
    slots.release(0, [1, 2])
    assert (slots.free_slots, slots.free_cells) == (1, 100)
