"""The shipped plugins end to end: the real daemon, the real process of the plugins, a real model.

The model is a very small one, so nothing is asserted of what it says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from hob.client import Client
from hob.errors import HobError, InvalidRequest
from hob.wire.generate import ChatMessage
from hob.wire.plugins import (
    ActionEvent,
    ActionFinished,
    ActionInfo,
    ActionProgress,
    ActionRequest,
    ActionText,
)
from live_daemon import LiveDaemon, eventually, starter_model

CONTEXT = 640
# About 900 tokens.
STORY = "\n\n".join(
    f"On day {day} the crew sailed {day * 7} miles to the west. The wind was strong, and the cook"
    " made soup of fish and onions. In the evening they sang, and the captain wrote it all down."
    for day in range(1, 21)
)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDaemon]:
    settings = [f"engine.context_length={CONTEXT}", "desktop.start=false"]
    home = tmp_path_factory.mktemp("hob")
    with LiveDaemon(home, [starter_model()], settings=settings) as running:
        eventually(lambda: actions(running.client()).get("summarize"))
        yield running


def actions(client: Client) -> dict[str, ActionInfo]:
    return {action.name: action for action in client.actions().actions}


def ran(client: Client, name: str, text: str, input: str = "") -> Sequence[ActionEvent]:
    with client.run_action(ActionRequest(action=name, text=text, input=input)) as stream:
        return list(stream)


def text_of(events: Sequence[ActionEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, ActionText))


def test_every_action_is_offered_with_what_it_works_on(daemon: LiveDaemon) -> None:
    offered = actions(daemon.client())
    assert offered["actions"].hotkey == "ctrl+alt+c"
    assert offered["ask"].hotkey == "ctrl+alt+space"
    assert offered["translate"].asks
    assert offered["translate"].plain
    assert offered["reply"].kinds == ("message",)
    assert {"ask-clipboard", "ask-selection", "own-prompts", "table-to-csv"} <= set(offered)


def test_a_text_longer_than_the_context_is_summarized_with_progress(daemon: LiveDaemon) -> None:
    events = ran(daemon.client(), "summarize", STORY)
    told = [event for event in events if isinstance(event, ActionProgress)]
    notes = [event.note for event in told]
    fractions = [event.fraction for event in told if event.fraction is not None]
    assert any(note.startswith("Reading part 1 of ") for note in notes)
    assert notes[-1] == "Writing the answer"
    assert fractions == sorted(fractions)
    assert "The text is longer than the model's context" in text_of(events)
    assert isinstance(events[-1], ActionFinished)


def test_a_short_text_is_answered_at_once(daemon: LiveDaemon) -> None:
    client = daemon.client()
    for name, input in (("translate", "French"), ("fix-grammar", ""), ("reply", "yes, gladly")):
        events = ran(client, name, "Would you like to come to the party on Friday?", input)
        assert text_of(events).strip(), name
        assert isinstance(events[-1], ActionFinished)
    # The language that was used last is offered first.
    eventually(lambda: actions(client)["translate"].choices[0] == "French")


def test_the_text_that_was_read_ahead_is_not_read_again(daemon: LiveDaemon) -> None:
    client = daemon.client()
    text = STORY[:1200] + " This is the end of it."
    system = actions(client)["explain"].system
    read = client.prefill(
        [ChatMessage(role="system", content=system), ChatMessage(role="user", content=text)]
    )
    again = client.prefill(
        [
            ChatMessage(role="system", content=system),
            ChatMessage(role="user", content=f"{text}\n\nWhat does it say?"),
        ]
    )
    # All but what closes the message.
    assert again.cached_tokens >= read.prompt_tokens - 10


def test_a_table_becomes_csv_without_the_model(daemon: LiveDaemon) -> None:
    events = ran(daemon.client(), "table-to-csv", "| a | b |\n|---|---|\n| 1 | 2 |\n")
    assert text_of(events) == "a,b\n1,2\n"


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (ActionRequest(action="summarize", text="  "), "no text to work on"),
        (ActionRequest(action="summarize", text="", image="data:image/png;base64,AA"), "picture"),
        (ActionRequest(action="describe-image", text="words"), "holds no picture"),
        (ActionRequest(action="summarize", text="x" * 1_000_001), "1,000,000 at most"),
    ],
)
def test_what_cannot_be_worked_on_is_told(
    daemon: LiveDaemon, request_: ActionRequest, said: str
) -> None:
    with pytest.raises(InvalidRequest, match=said), daemon.client().run_action(request_) as events:
        list(events)


def test_an_own_prompt_is_an_action_once_the_file_is_saved(daemon: LiveDaemon) -> None:
    client = daemon.client()
    path = daemon.paths.plugin_storage / "clipboard" / "prompts.toml"
    assert "Your own prompts" in path.read_text()
    path.write_text("[shout]\ntitle = 'Shout it'\nprompt = 'Write it in capitals.'\n")
    eventually(lambda: "shout" in actions(client))
    assert actions(client)["shout"].title == "Shout it"
    assert text_of(ran(client, "shout", "hello there")).strip()
    path.write_text("[shout]\nprompt = \n")
    eventually(lambda: "line 2" in text_of(ran(client, "own-prompts", "")))
    assert "shout" in actions(client)


def test_settings_have_a_schema_and_take_effect(daemon: LiveDaemon) -> None:
    client = daemon.client()
    settings = {setting.name: setting for setting in client.plugin("clipboard").settings}
    assert settings["summary_length"].choices == ("short", "medium", "long")
    client.set_plugin("clipboard", "translate_to", "Dutch")
    eventually(lambda: actions(client)["translate"].choices[0] == "Dutch")
    with pytest.raises(HobError):
        client.set_plugin("clipboard", "summary_length", "endless")
