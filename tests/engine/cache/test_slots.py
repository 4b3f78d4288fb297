"""Which slot a request gets: decided here, done by the caller."""

from __future__ import annotations

from hob.engine.cache.slots import Place, SlotTable


def table(*held: tuple[str, list[int]], slots: int = 3, divisible: bool = True) -> SlotTable:
    """Idle slots that remember these keys and tokens, in this order of use."""
    made = SlotTable(slots, 100, divisible)
    for slot, (key, tokens) in enumerate(held):
        made.own(slot, "past", key)
        made.extend(slot, tokens)
        made.release(slot)
    return made


def test_an_empty_slot_is_taken_when_nothing_is_known() -> None:
    assert table(("", [1, 2])).place("", [5]) == Place(1, 1, 0)


def test_a_slot_that_holds_a_beginning_and_no_more_is_taken_over() -> None:
    assert table(("", [1, 2])).place("", [1, 2, 3]) == Place(0, 0, 2)


def test_a_beginning_is_shared_out_of_a_slot_that_holds_more() -> None:
    assert table(("", [1, 2, 3, 4])).place("", [1, 2, 9]) == Place(1, 0, 2)


def test_a_busy_slot_shares_its_beginning() -> None:
    made = table(("", [1, 2]))
    made.own(0, "now", "")
    assert made.place("", [1, 2, 3]) == Place(1, 0, 2)


def test_what_is_of_another_key_is_not_shared() -> None:
    assert table(("adapter", [1, 2])).place("", [1, 2, 3]) == Place(1, 1, 0)


def test_the_longest_unused_slot_gives_way_but_not_to_lose_the_beginning() -> None:
    made = table(("", [1, 2, 3]), ("", [4]), ("", [5]))
    assert made.place("", [9]) == Place(0, 0, 0, 0)
    assert made.place("", [1, 2, 9]) == Place(1, 0, 2, 1)


def test_the_only_idle_slot_loses_its_tail() -> None:
    made = table(("", [1, 2, 3]), slots=1)
    assert made.place("", [1, 2, 9]) == Place(0, 0, 2)


def test_there_is_no_place_among_busy_slots() -> None:
    made = table(("", [1]), slots=1)
    made.own(0, "now", "")
    assert made.place("", [1]) is None


def test_memory_that_is_not_divisible_is_taken_over_whole_or_not_at_all() -> None:
    made = table(("", [1, 2, 3]), ("", [1, 2]), divisible=False)
    assert made.place("", [1, 2, 9]) == Place(1, 1, 2)
    assert made.place("", [1, 9]) == Place(2, 2, 0)


def test_cells_are_counted_once_where_they_can_be_shared() -> None:
    held = (("", [1, 2, 3]), ("", [1, 2, 4]))
    assert table(*held).free_cells == 100 - 4
    assert table(*held, divisible=False).free_cells == 100 - 6


def test_what_only_idle_slots_hold_can_be_reclaimed() -> None:
    made = table(("", [1, 2, 3]), ("", [1, 2, 4]))
    assert made.reclaimable_cells == 100
    made.own(0, "now", "")
    assert made.reclaimable_cells == 100 - 3
    assert made.shared_with_live("", [1, 2, 4]) == 2


def test_a_released_slot_that_holds_nothing_of_its_own_is_to_be_emptied() -> None:
    made = table(("", [1, 2, 3]))
    made.own(1, "now", "")
    made.extend(1, [1, 2])
    assert made.release(1)
    made.own(1, "now", "")
    made.extend(1, [3, 7])
    assert not made.release(1)
