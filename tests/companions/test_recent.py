"""The recent answers: the newest, and never many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hob.companions.recent import MOST_ANSWERS, MOST_BYTES, RecentAnswers
from hob.wire.desktop import NewRecent
from hob.wire.events import Event, RecentChanged


@pytest.fixture
def facts() -> list[Event]:
    return []


@pytest.fixture
def recent(facts: list[Event]) -> RecentAnswers:
    return RecentAnswers(facts.append, clock=lambda: 3.0)


def test_the_newest_is_the_first(recent: RecentAnswers, facts: list[Event]) -> None:
    recent.add(NewRecent(title="one", text="1"))
    listed = recent.add(NewRecent(title="two", text="2")).answers
    assert [(each.title, each.text, each.at) for each in listed] == [
        ("two", "2", 3.0),
        ("one", "1", 3.0),
    ]
    assert facts == [RecentChanged(at=3.0)] * 2


def test_what_is_cleared_is_gone(recent: RecentAnswers, facts: list[Event]) -> None:
    recent.add(NewRecent(title="one", text="1"))
    assert recent.clear().answers == ()
    assert recent.listing().answers == ()
    assert len(facts) == 2


@pytest.mark.parametrize("text", ["", " \n", "x" * (MOST_BYTES + 1)])
def test_what_is_blank_or_larger_than_all_together_is_not_kept(
    recent: RecentAnswers, facts: list[Event], text: str
) -> None:
    recent.add(NewRecent(title="kept", text="1"))
    assert [each.title for each in recent.add(NewRecent(title="t", text=text)).answers] == ["kept"]
    assert len(facts) == 1


def test_a_title_is_one_line_of_bounded_length(recent: RecentAnswers) -> None:
    (answer,) = recent.add(NewRecent(title="a\nb " + "c" * 1000, text="1")).answers
    assert answer.title.startswith("a b c")
    assert answer.title.endswith("…")
    assert len(answer.title) == 200


@given(st.lists(st.integers(1, MOST_BYTES // 2), max_size=40))
def test_they_stay_within_both_limits_and_keep_the_newest(sizes: list[int]) -> None:
    recent = RecentAnswers(lambda _: None)
    for number, size in enumerate(sizes):
        recent.add(NewRecent(title=str(number), text="x" * size))
    kept = recent.listing().answers
    assert len(kept) <= MOST_ANSWERS
    assert sum(len(each.title) + len(each.text) for each in kept) <= MOST_BYTES
    newest = [str(number) for number in reversed(range(len(sizes)))]
    assert [each.title for each in kept] == newest[: len(kept)]
    assert kept or not sizes
