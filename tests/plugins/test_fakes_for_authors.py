"""What the tests of plugins are given: `hob.plugins.testing`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from hob.errors import Cancelled
from hob.plugins.testing import Asked, FakeClipboard, FakeContext, FakeRun, result_of
from hob.wire.desktop import Clip
from hob.wire.generate import ChatMessage


def test_answers_come_one_after_the_other_and_what_was_asked_is_kept() -> None:
    context = FakeContext(answers=["one two", "three"])
    assert list(context.ask("first", system="Be brief.", max_tokens=5)) == ["one ", "two"]
    said = [ChatMessage(role="user", content="a"), ChatMessage(role="user", content="b")]
    assert context.ask(said).text == "three"
    assert context.asked[0].options == {"max_tokens": 5}
    assert context.asked[0].system == "Be brief."
    assert context.asked[1].prompt == "a\n\nb"
    assert context.asked[1].messages == tuple(said)


def test_a_question_too_many_fails_the_test() -> None:
    with pytest.raises(AssertionError, match="no answer left"):
        FakeContext().ask("anything")


def test_answers_may_depend_on_what_is_asked() -> None:
    def upper(asked: Asked) -> str:
        return asked.prompt.upper()

    assert FakeContext(answers=upper).ask("loud").text == "LOUD"


def test_each_way_of_making_a_text_counts() -> None:
    def pieces(run: FakeRun) -> Iterator[str]:
        yield from run.text

    async def later(run: FakeRun) -> str:
        return run.text

    async def streamed(run: FakeRun) -> AsyncIterator[str]:
        for piece in run.text:
            yield piece

    run = FakeRun(text="abc")
    for function in (pieces, later, streamed, lambda run: run.text):
        assert result_of(function, run) == "abc"
    assert result_of(lambda run: None, run) == ""


def test_what_hob_would_not_take_fails_the_test() -> None:
    for made in (3, {"a": 1}, b"abc", [1]):
        with pytest.raises(TypeError, match="text"):
            result_of(lambda run, made=made: made, FakeRun())  # type: ignore[misc]


def test_the_clipboard_and_the_storage_keep_what_they_are_given() -> None:
    context = FakeContext(clipboard=FakeClipboard(Clip(text="old")))
    assert context.clipboard.read().text == "old"
    context.clipboard.write("new")
    assert context.clipboard.written == ["new"]
    assert context.clipboard.read().text == "new"
    context.storage.put("key", [1])
    assert context.storage.get("key") == [1]
    assert context.storage.get("other", "none") == "none"
    assert context.storage.folder.is_dir()


def test_what_is_no_json_cannot_be_stored() -> None:
    with pytest.raises(TypeError):
        FakeContext().storage.put("key", object())


def test_progress_is_kept_until_the_run_is_taken_back() -> None:
    run = FakeRun()
    run.progress(0.5, "half")
    run.cancelled = True
    with pytest.raises(Cancelled):
        run.progress(1.0)
    assert run.told == [(0.5, "half")]
