"""Questions, answers and what is read ahead, without a window."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from desktop.fakes import FakeBridge, FakeClient, Thought, a_view
from hob.desktop.prompt.attachments import Attachment
from hob.desktop.prompt.conversation import Exchange
from hob.desktop.prompt.session import Session
from hob.errors import HobError, InvalidRequest, NotRunning, WorkerDied
from hob.wire.plugins import ActionInfo, ActionProgress, ActionRequest, ActionText
from live_daemon import eventually


class Window:
    """Keeps what it was told to show."""

    def __init__(self) -> None:
        self.doing: list[tuple[str, float | None]] = []
        self.refusals: list[HobError] = []
        self.ended: list[Exchange] = []
        self.conversations = 0

    def show_conversation(self) -> None:
        self.conversations += 1

    def show_new(self, exchange: Exchange) -> None: ...

    def show_change(self, exchange: Exchange, doing: str, fraction: float | None) -> None:
        self.doing.append((doing, fraction))

    def show_situation(self) -> None: ...

    def show_refusal(self, error: HobError) -> None:
        self.refusals.append(error)

    def show_end(self, exchange: Exchange) -> None:
        self.ended.append(exchange)


class Desk:
    """A session with all around it."""

    def __init__(self, *answers: list[Any], view: Any = None) -> None:
        self.client = FakeClient(list(answers) or [["Yes."]])
        self.bridge = FakeBridge(view, self.client)
        self.window = Window()
        self.session = Session(self.bridge, self.window)
        self.session.viewed(self.bridge.view)
        self.bridge.watch(self.session.viewed)

    @property
    def last(self) -> Exchange:
        return self.session.conversation.exchanges[-1]

    def contents(self, number: int = -1) -> list[str]:
        return [message.content for message in self.client.asked[number][0]]


def test_an_answer_comes_in_pieces_and_is_over() -> None:
    desk = Desk(["Hel", "lo."])
    assert desk.session.send("Hi")
    assert desk.last.state == "waiting"
    desk.bridge.work()
    assert (desk.last.answer, desk.last.state) == ("Hello.", "done")
    assert desk.window.ended == [desk.last]


def test_a_follow_up_is_asked_with_what_was_said() -> None:
    desk = Desk(["Hello."], ["Good."])
    for text in ("Hi", "How are you?"):
        desk.session.send(text)
        desk.bridge.work()
    assert desk.contents() == ["Hi", "Hello.", "How are you?"]


def test_the_conversations_model_is_asked() -> None:
    desk = Desk()
    desk.session.choose("seeing")
    desk.session.send("Hi")
    desk.bridge.work()
    assert desk.client.asked[0][1] == "seeing"


def test_nothing_is_asked_while_an_answer_comes() -> None:
    desk = Desk()
    desk.session.send("one")
    assert not desk.session.send("two")
    assert len(desk.session.conversation.exchanges) == 1


def test_a_question_waits_for_a_daemon_and_is_asked_then() -> None:
    desk = Desk(view=a_view("away"))
    desk.session.send("Hi")
    desk.bridge.work()
    assert desk.client.asked == []
    desk.bridge.tell(a_view("loading", load_fraction=0.1))
    desk.bridge.work()
    assert desk.last.answer == "Yes."


def test_a_question_that_waits_for_a_daemon_can_be_taken_back() -> None:
    desk = Desk(view=a_view("empty", models=()))
    desk.session.send("Hi")
    desk.session.stop()
    desk.bridge.tell(a_view())
    desk.bridge.work()
    assert desk.client.asked == []
    assert desk.last.state == "stopped"


def test_while_a_model_loads_it_is_said_what_is_waited_for() -> None:
    desk = Desk(view=a_view("loading", load_fraction=0.3))
    desk.session.send("Hi")
    assert "until tiny is loaded" in desk.window.doing[-1][0]
    desk.bridge.tell(a_view("warm"))
    assert desk.window.doing[-1][0] == "Reading…"


def test_a_broken_answer_keeps_its_part_and_can_be_asked_again() -> None:
    broken = WorkerDied("It ended.", hint="Again.")
    desk = Desk(["A par", broken], ["A whole."])
    desk.session.send("Hi")
    desk.bridge.work()
    assert (desk.last.answer, desk.last.state) == ("A par", "failed")
    assert desk.last.error is not None
    assert desk.last.error.message == "It ended."
    desk.session.retry()
    desk.bridge.work()
    assert (desk.last.answer, desk.last.state) == ("A whole.", "done")
    assert desk.contents() == ["Hi"]
    assert len(desk.session.conversation.exchanges) == 1


def test_a_daemon_that_goes_is_an_error_to_retry() -> None:
    desk = Desk([NotRunning("Hob is not running.", hint="Start it.")])
    desk.session.send("Hi")
    desk.bridge.work()
    assert desk.last.state == "failed"


def test_stop_keeps_what_has_come() -> None:
    desk = Desk()
    desk.session.send("Hi")
    work = desk.session._asking._work
    assert work is not None
    assert work.gathered is not None
    work.gathered.put("Half of ")
    desk.session.stop()
    assert (desk.last.answer, desk.last.state) == ("Half of ", "stopped")
    assert not desk.session.running
    # What the daemon still sends is not shown any more.
    desk.bridge.work()
    assert desk.last.answer == "Half of "


def test_answers_are_kept_among_the_recent_ones() -> None:
    desk = Desk(["Hel", WorkerDied("It ended.")], [NotRunning("Gone.")])
    for _ in range(2):
        desk.session.send("Hi\nthere")
        desk.bridge.work()
    assert [(kept.title, kept.text) for kept in desk.client.recent] == [("Hi there", "Hel")]


def test_thoughts_are_kept_apart() -> None:
    desk = Desk([Thought("I think."), "So."])
    desk.session.send("Hi")
    desk.bridge.work()
    assert (desk.last.thoughts, desk.last.answer) == ("I think.", "So.")


def test_what_a_terminal_would_obey_is_never_in_an_answer() -> None:
    desk = Desk(["a\x1b]52;c;", "ZXZpbA==\x07b\u202ec"])
    desk.session.send("Hi")
    desk.bridge.work()
    assert desk.last.answer == "abc"


# ---- reading ahead ----


def test_what_is_known_is_read_while_the_question_is_written() -> None:
    desk = Desk()
    desk.session.attach(Attachment("Clipboard", text="A long text."))
    eventually(lambda: desk.client.prefilled)
    [messages] = desk.client.prefilled
    assert [message.content for message in messages] == ["A long text.\n\n"]
    desk.session.send("Why?")
    desk.bridge.work()
    assert desk.contents() == ["A long text.\n\nWhy?"]


def test_a_cold_model_is_loaded_once_while_the_question_is_written() -> None:
    desk = Desk(view=a_view("cold"))
    for _ in range(3):
        desk.session.read_ahead()
    desk.bridge.work()
    assert desk.client.loaded == ["tiny"]


def test_another_model_that_was_chosen_here_is_loaded_too() -> None:
    desk = Desk()
    desk.session.choose("seeing")
    desk.bridge.tell(a_view("answering"))
    desk.session.read_ahead()
    desk.bridge.work()
    assert desk.client.loaded == ["seeing"]


def test_reading_ahead_ends_when_the_question_comes() -> None:
    begun, hung_up = threading.Event(), threading.Event()

    class Slow(FakeClient):
        def prefill(self, messages: Any, **options: Any) -> None:
            begun.set()
            while not options["interrupt"]._set:
                begun.wait(0.01)
            hung_up.set()

    desk = Desk()
    desk.bridge.daemon = Slow()
    session = Session(desk.bridge, desk.window)
    session.viewed(a_view())
    session.attach(Attachment("Clipboard", text="A long text."))
    assert begun.wait(20)
    session.send("Why?")
    assert hung_up.wait(20)


# ---- attachments and actions ----


def test_an_image_for_a_model_without_eyes_is_refused() -> None:
    desk = Desk()
    desk.session.attach(Attachment("cat.png", image=b"\x89PNG"))
    assert isinstance(desk.window.refusals[0], InvalidRequest)
    assert desk.session.attachments == ()
    desk.session.choose("seeing")
    desk.session.attach(Attachment("cat.png", image=b"\x89PNG"))
    assert len(desk.session.attachments) == 1


def test_an_image_stays_with_a_question_that_could_not_be_asked() -> None:
    desk = Desk()
    desk.session.choose("seeing")
    desk.session.attach(Attachment("cat.png", image=b"\x89PNG"))
    desk.session.choose("")
    assert not desk.session.send("What is it?")
    assert len(desk.session.attachments) == 1
    assert len(desk.window.refusals) == 1


def test_an_action_shows_its_progress_and_what_it_makes() -> None:
    desk = Desk()
    desk.client.runs = [[ActionProgress(fraction=0.5, note="Half"), ActionText(text="Done.")]]
    action = ActionInfo(name="sum", plugin="p", title="Summarise", system="Be brief.")
    desk.session.run(action, ActionRequest(action="sum", text="Long."))
    desk.bridge.work()
    assert ("Half", 0.5) in desk.window.doing
    assert (desk.last.answer, desk.last.state) == ("Done.", "done")
    desk.session.send("Shorter")
    desk.bridge.work()
    assert desk.contents() == ["Be brief.", "Long.\n\nSummarise", "Done.", "Shorter"]


def test_an_action_can_be_run_again() -> None:
    desk = Desk()
    desk.client.runs = [[InvalidRequest("No.")], [ActionText(text="Done.")]]  # type: ignore[list-item]
    action = ActionInfo(name="sum", plugin="p", title="Summarise")
    desk.session.run(action, ActionRequest(action="sum", text="Long."))
    desk.bridge.work()
    assert desk.last.state == "failed"
    desk.session.retry()
    desk.bridge.work()
    assert desk.last.answer == "Done."


def test_a_new_conversation_forgets_all_but_the_model() -> None:
    desk = Desk()
    desk.session.choose("seeing")
    desk.session.send("Hi")
    desk.bridge.work()
    desk.session.new()
    desk.session.send("Again")
    desk.bridge.work()
    assert desk.contents() == ["Again"]
    assert desk.client.asked[-1][1] == "seeing"


def test_an_endless_answer_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hob.desktop.prompt.asking.MAX_ANSWER_CHARS", 100)
    desk = Desk(["x" * 60, "x" * 60])
    desk.session.send("Hi")
    desk.bridge.work()
    assert desk.last.error is not None
    assert "longer than" in desk.last.error.message
    assert desk.last.answer == "x" * 60
