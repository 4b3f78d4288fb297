"""Orders: each is done, and each is answered."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from desktop.fakes import FakeClient, FakeParts, a_view
from hob.desktop.obeying import Obedience
from hob.errors import BodyTooLarge, ClipboardSecret, DaemonUnreachable, HobError
from hob.wire.base import ErrorInfo
from hob.wire.desktop import (
    AnyOrder,
    Clip,
    Notify,
    Open,
    OrderReply,
    Paste,
    Quit,
    ReadClip,
    Trigger,
    WriteClip,
)
from hob.wire.plugins import ActionInfo, Opens

ACTION = ActionInfo(name="summarize", plugin="clipboard", title="Summarise")
OPENING = ActionInfo(name="ask", plugin="prompt", title="Ask", opens=Opens(text="Hi"))


@dataclass
class Replies(FakeClient):
    """`refusals` are what the daemon says to the next replies."""

    replies: list[OrderReply] = field(default_factory=list)
    refusals: list[HobError] = field(default_factory=list)

    def reply_order(self, reply: OrderReply) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        self.replies.append(reply)


@dataclass
class FakeWindows:
    did: list[object] = field(default_factory=list)
    fails: bool = False

    def open(self, opens: Opens) -> None:
        if self.fails:
            raise RuntimeError("a bug")
        self.did.append(opens)

    def run_action(self, action: ActionInfo, input: str = "", clip: Clip | None = None) -> None:
        self.did.append((action.name, input))

    def show_text(self, title: str, text: str) -> None:
        self.did.append((title, text))


class Bench:
    def __init__(self) -> None:
        from dataclasses import replace

        self.fakes = FakeParts()
        self.client = Replies()
        self.fakes.bridge.daemon = self.client
        self.fakes.bridge.tell(replace(a_view(), desktop="d", actions=(ACTION, OPENING)))
        self.windows = FakeWindows()
        self.quits = 0
        self.obedience = Obedience(self.fakes.parts, self.windows, self._quit)

    def obey(self, order: AnyOrder) -> OrderReply:
        self.obedience.obey(order)
        self.fakes.bridge.work()
        (reply,) = self.client.replies
        self.client.replies.clear()
        assert (reply.id, reply.desktop) == (order.id, "d")
        return reply

    def _quit(self) -> None:
        self.quits += 1


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_windows_open_and_actions_run(bench: Bench) -> None:
    assert bench.obey(Open(id="1", opens=Opens(send=True))).error is None
    assert bench.obey(Trigger(id="2", action="summarize", input="x")).error is None
    assert bench.obey(Trigger(id="3", action="ask")).error is None
    assert bench.windows.did == [Opens(send=True), ("summarize", "x"), Opens(text="Hi")]


def test_an_action_that_is_not_there_is_an_error(bench: Bench) -> None:
    error = bench.obey(Trigger(id="1", action="gone")).error
    assert error is not None
    assert error.code == "action_not_found"


def test_the_clipboard_and_the_selection_are_read_and_written(bench: Bench) -> None:
    clipboard = bench.fakes.clipboard
    clipboard.clip, clipboard.selected = Clip(text="copied"), Clip(text="selected")
    assert bench.obey(ReadClip(id="1")).clip == Clip(text="copied")
    assert bench.obey(ReadClip(id="2", source="selection")).clip == Clip(text="selected")
    bench.obey(WriteClip(id="3", text="new"))
    bench.obey(Paste(id="4", text="here"))
    assert (clipboard.written, clipboard.pasted) == (["new"], ["here"])


@pytest.mark.parametrize("order", [ReadClip(id="1"), WriteClip(id="1", text="x")])
def test_what_the_clipboard_refuses_is_the_reply(bench: Bench, order: AnyOrder) -> None:
    bench.fakes.clipboard.refusal = ClipboardSecret("It is a secret.")
    reply = bench.obey(order)
    assert reply.error == ErrorInfo.of(ClipboardSecret("It is a secret."))
    assert reply.clip is None


def test_a_notice_is_shown_with_what_it_copies(bench: Bench) -> None:
    bench.obey(Notify(id="1", title="Done", text="short", copy="long"))
    assert bench.fakes.notices.shown == [("Done", "short", "long")]


def test_the_desktop_quits_once_the_reply_is_sent(bench: Bench) -> None:
    bench.obedience.obey(Quit(id="1"))
    assert bench.quits == 0
    bench.fakes.bridge.work()
    assert bench.quits == 1
    bench.client.refusals = [DaemonUnreachable("It is gone.")]
    bench.obedience.obey(Quit(id="2"))
    bench.fakes.bridge.work()
    assert bench.quits == 2


def test_a_reply_that_the_daemon_does_not_take_becomes_an_error(bench: Bench) -> None:
    bench.client.refusals = [BodyTooLarge("The picture is too large.")]
    error = bench.obey(ReadClip(id="1")).error
    assert error is not None
    assert error.code == "body_too_large"


def test_a_bug_is_answered_too(bench: Bench) -> None:
    bench.windows.fails = True
    error = bench.obey(Open(id="1")).error
    assert error is not None
    assert error.code == "desktop_refused"
