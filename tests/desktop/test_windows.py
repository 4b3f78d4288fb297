"""What is shown when an action is triggered, in whatever way it shows what it makes."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from desktop.fakes import FakeClient, FakeParts
from hob.desktop.windows import DesktopWindows
from hob.errors import DesktopRefused, PluginBroken
from hob.wire.desktop import Clip, NewRecent
from hob.wire.plugins import (
    ActionFinished,
    ActionInfo,
    ActionRequest,
    ActionStarted,
    ActionText,
    Opens,
    Source,
)

SUMMARIZE = ActionInfo(name="summarize", plugin="clipboard", title="Summarise", takes="clipboard")
TRANSLATE = ActionInfo(name="translate", plugin="clipboard", title="Translate", asks="Into?")
CLIP = Clip(text="A long text.")


@dataclass
class FakePrompt:
    did: list[object] = field(default_factory=list)

    def open(self, opens: Opens) -> None:
        self.did.append(opens)

    def show_run(self, action: ActionInfo, request: ActionRequest) -> None:
        self.did.append(request)

    def show_text(self, title: str, text: str) -> None:
        self.did.append((title, text))


@dataclass
class FakeMenu:
    did: list[object] = field(default_factory=list)

    def open(self, source: Source = "clipboard") -> None:
        self.did.append(source)

    def ask(self, action: ActionInfo) -> None:
        self.did.append(action)


class Bench:
    def __init__(self) -> None:
        self.fakes = FakeParts()
        self.fakes.clipboard.clip = CLIP
        self.fakes.clipboard.selected = Clip(text="Selected.")
        self.prompt = FakePrompt()
        self.menu = FakeMenu()
        self.now = 0.0
        self.windows = DesktopWindows(
            self.fakes.parts, lambda: self.prompt, lambda: self.menu, clock=lambda: self.now
        )

    @property
    def client(self) -> FakeClient:
        return self.fakes.bridge.daemon


@pytest.fixture
def bench() -> Bench:
    return Bench()


def changed(action: ActionInfo, **changes: object) -> ActionInfo:
    import msgspec

    return msgspec.structs.replace(action, **changes)


def test_an_action_that_opens_a_window_opens_it(bench: Bench) -> None:
    opens = Opens(text="Hello")
    bench.windows.run_action(changed(SUMMARIZE, opens=opens))
    bench.windows.run_action(changed(SUMMARIZE, opens=Opens(window="actions")))
    bench.windows.open(Opens(window="actions", attach="selection"))
    assert bench.prompt.did == [opens]
    assert bench.menu.did == ["clipboard", "selection"]


def test_what_an_action_takes_is_read_and_its_answer_shown(bench: Bench) -> None:
    bench.windows.run_action(SUMMARIZE)
    bench.windows.run_action(changed(SUMMARIZE, name="selected", takes="selection"))
    bench.windows.run_action(changed(SUMMARIZE, name="free", takes="nothing"), "input")
    assert bench.prompt.did == [
        ActionRequest(action="summarize", text="A long text."),
        ActionRequest(action="selected", text="Selected."),
        ActionRequest(action="free", input="input"),
    ]


def test_what_the_menu_has_read_is_not_read_again(bench: Bench) -> None:
    bench.fakes.clipboard.refusal = DesktopRefused("Not now.")
    bench.windows.chosen(TRANSLATE, "French", Clip())
    bench.windows.chosen(SUMMARIZE, "", Clip(text="Seen in the menu."))
    assert bench.prompt.did == [
        ActionRequest(action="translate", input="French"),
        ActionRequest(action="summarize", text="Seen in the menu."),
    ]


def test_what_an_action_asks_is_asked_unless_it_is_answered(bench: Bench) -> None:
    bench.windows.run_action(TRANSLATE)
    assert bench.menu.did == [TRANSLATE]
    bench.windows.run_action(TRANSLATE, "French")
    assert bench.prompt.did == [ActionRequest(action="translate", input="French")]


def test_a_clipboard_that_cannot_be_read_is_said(bench: Bench) -> None:
    bench.fakes.clipboard.refusal = DesktopRefused("Nothing can be read.", hint="Use keys.")
    bench.windows.run_action(SUMMARIZE)
    assert bench.fakes.notices.shown == [("Summarise", "Nothing can be read. Use keys.", "")]
    assert bench.prompt.did == []


def test_a_secret_is_never_sent(bench: Bench) -> None:
    bench.windows.run_action(SUMMARIZE, clip=Clip(secret=True))
    ((title, text, _),) = bench.fakes.notices.shown
    assert (title, "secret" in text) == ("Summarise", True)
    assert bench.prompt.did == []


def test_a_hotkey_that_is_held_down_runs_its_action_once(bench: Bench) -> None:
    for _ in range(20):
        bench.now += 0.03
        bench.windows.run_action(SUMMARIZE)
    assert len(bench.prompt.did) == 1
    bench.now += 1.0
    bench.windows.run_action(SUMMARIZE)
    assert len(bench.prompt.did) == 2


def test_a_hotkey_whose_action_is_gone_does_nothing(bench: Bench) -> None:
    bench.windows.pressed("gone")
    assert bench.prompt.did == bench.menu.did == []


def test_an_action_with_a_notice_tells_and_remembers_what_it_made(bench: Bench) -> None:
    bench.client.runs = [
        [
            ActionStarted(id="1", action="summarize", plugin="clipboard", title="Summarise"),
            ActionText(text="Short"),
            ActionText(text="er."),
            ActionFinished(),
        ]
    ]
    bench.windows.run_action(changed(SUMMARIZE, shows="notice"))
    bench.fakes.bridge.work()
    assert bench.fakes.notices.shown == [("Summarise", "Shorter.", "Shorter.")]
    assert bench.client.recent == [NewRecent(title="Summarise", text="Shorter.")]
    assert bench.prompt.did == []


def test_an_action_that_shows_nothing_is_heard_of_only_when_it_fails(bench: Bench) -> None:
    silent = changed(SUMMARIZE, shows="nothing")
    bench.client.runs = [[ActionText(text="x"), ActionFinished()], [PluginBroken("It broke.")]]  # type: ignore[list-item]
    bench.windows.run_action(silent)
    bench.fakes.bridge.work()
    assert bench.fakes.notices.shown == []
    bench.now += 1.0
    bench.windows.run_action(silent)
    bench.fakes.bridge.work()
    assert bench.fakes.notices.shown == [("Summarise", "It broke.", "")]
