"""What the prompt window decides without showing anything."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from desktop.fakes import a_model, a_view
from hob.desktop.prompt import attachments as bounds
from hob.desktop.prompt.attachments import Attachment, from_clip, from_file, from_image, from_text
from hob.desktop.prompt.commands import COMMANDS, Situation, hinted, usable
from hob.desktop.prompt.conversation import Conversation, Exchange, of_run
from hob.desktop.prompt.footer import model_items
from hob.desktop.prompt.links import safe_address, with_addresses
from hob.desktop.prompt.questions import Questions
from hob.desktop.prompt.states import bar_state, sees
from hob.errors import ClipboardSecret, HobError, InvalidRequest
from hob.wire.base import ErrorInfo
from hob.wire.desktop import Clip
from hob.wire.plugins import ActionInfo, ActionRequest
from hob.wire.pulls import PullEntry, PullProgress

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32


# ---- conversation ----


def test_attached_text_stands_before_the_question() -> None:
    talk = Conversation(system="Be brief.")
    asked = Exchange("Summarise it.", (Attachment("Clipboard", text="A long text."),))
    system, user = talk.asking(asked)
    assert (system.role, system.content) == ("system", "Be brief.")
    assert user.content == "A long text.\n\nSummarise it."


def test_what_is_known_is_the_beginning_of_what_is_sent() -> None:
    attached = (Attachment("Clipboard", text="A long text."), Attachment("b", text="B", named=True))
    talk = Conversation(exchanges=[Exchange("Hi", answer="Hello.", state="done")])
    known = talk.known(attached)
    sent = talk.asking(Exchange("Why?", attached))
    assert known[:-1] == sent[:-1]
    assert sent[-1].content.startswith(known[-1].content)


def test_a_file_is_named_to_the_model() -> None:
    made = from_file("notes.txt", b"a note")
    assert made.content == "notes.txt:\n\na note"


def test_a_question_without_an_answer_was_never_said() -> None:
    talk = Conversation(exchanges=[Exchange("Hi", state="failed")])
    assert [message.content for message in talk.asking(Exchange("Why?"))] == ["Why?"]


def test_a_part_of_an_answer_was_said() -> None:
    talk = Conversation(exchanges=[Exchange("Hi", answer="Hel", state="stopped")])
    assert [message.content for message in talk.known()] == ["Hi", "Hel"]


def test_images_go_along_as_media() -> None:
    [message] = Conversation().asking(Exchange("What is it?", (from_image("cat.png", PNG),)))
    assert message.content == "What is it?"
    assert message.media[0].data == PNG


def test_a_question_can_follow_an_action() -> None:
    action = ActionInfo(name="sum", plugin="p", title="Summarise", system="Be brief.")
    talk = of_run(action, ActionRequest(action="sum", text="Long.", model="tiny"))
    talk.exchanges[0].answer = "Short."
    contents = [message.content for message in talk.asking(Exchange("Shorter"))]
    assert contents == ["Be brief.", "Long.\n\nSummarise", "Short.", "Shorter"]
    assert talk.model == "tiny"


# ---- attachments ----


def test_a_text_too_large_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="larger than 4 MiB"):
        from_text("Clipboard", "x" * (bounds.MAX_TEXT_BYTES + 1))


def test_an_empty_text_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="no text"):
        from_clip("Clipboard", Clip())


def test_a_secret_is_refused() -> None:
    with pytest.raises(ClipboardSecret):
        from_clip("Clipboard", Clip(secret=True))


def test_an_image_in_the_clipboard_is_an_image() -> None:
    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert from_clip("Clipboard", Clip(image=url)).image == PNG


@pytest.mark.parametrize("url", ["http://x/y.png", "data:image/png;base64,!!", "data:text/html,x"])
def test_what_only_looks_like_an_image_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest, match="cannot be read"):
        from_clip("Clipboard", Clip(image=url))


@pytest.mark.parametrize("data", [b"\x80\x81\xff", b"text\0binary", b"%PDF-1.7\xe2\xe3"])
def test_a_file_that_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequest, match="neither text nor an image"):
        from_file("thing", data)


def test_utf_16_with_its_mark_is_text() -> None:
    assert from_file("a.txt", "grüß".encode("utf-16")).text == "grüß"


def test_an_attachment_is_held_once_and_only_so_many() -> None:
    held: tuple[Attachment, ...] = ()
    for number in range(bounds.MAX_ATTACHMENTS):
        held = bounds.add(held, Attachment(str(number), text="x"))
    assert bounds.add(held, Attachment("0", text="x")) == held
    with pytest.raises(InvalidRequest, match="8 attachments"):
        bounds.add(held, Attachment("one more", text="x"))


def test_the_bounds_are_on_all_together() -> None:
    half = "x" * (bounds.MAX_TEXT_BYTES // 2 + 1)
    with pytest.raises(InvalidRequest, match="together"):
        bounds.add((Attachment("a", text=half),), Attachment("b", text=half))


def test_a_model_without_eyes_is_given_no_image() -> None:
    image = (from_image("cat.png", PNG),)
    bounds.check_sees(image, "seeing", sees=True)
    with pytest.raises(InvalidRequest, match="cannot see"):
        bounds.check_sees(image, "tiny", sees=False)
    assert sees(a_view(), "seeing")
    assert not sees(a_view(), "")


# ---- earlier questions ----


def test_up_goes_back_and_down_returns_to_the_draft() -> None:
    questions = Questions()
    for text in ("one", "two", "two"):
        questions.asked(text)
    assert questions.earlier("a draft") == "two"
    assert questions.earlier("two") == "one"
    assert questions.earlier("one") is None
    assert questions.later() == "two"
    assert questions.later() == "a draft"
    assert questions.later() is None


# ---- addresses ----


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "file:///etc/passwd",
        "data:text/html,<script>",
        "vbscript:x",
        "https://bank.example@evil.example/",
        "https:///nowhere",
        "https://a b.example",
        "https://evil.example/\u202egnp.exe",
        "/etc/passwd",
        "steam://run/1",
        "https://x.example/" + "a" * 3000,
    ],
)
def test_addresses_that_cannot_be_trusted_are_no_links(address: str) -> None:
    assert safe_address(address) is None


def test_a_host_is_shown_as_it_is_looked_up() -> None:
    assert safe_address("https://\u0430pple.com/a") == "https://xn--pple-43d.com/a"


@pytest.mark.parametrize(
    "address",
    [
        "https://example.com/a?b=c#d",
        "http://localhost:8080/x",
        "http://[::1]:80/",
        "mailto:a@b.org",
    ],
)
def test_plain_addresses_stay_as_they_are(address: str) -> None:
    assert safe_address(address) == address


def test_addresses_in_a_text_are_found_without_the_sentence_around_them() -> None:
    pieces = list(with_addresses("See https://a.example/b. (http://c.example)"))
    assert [address for _, address in pieces if address] == [
        "https://a.example/b",
        "http://c.example",
    ]
    assert "".join(text for text, _ in pieces) == "See https://a.example/b. (http://c.example)"


# ---- what is said of the daemon ----


def test_without_a_daemon_there_is_a_button_that_starts_it() -> None:
    state = bar_state(a_view("away"), "", waiting=True)
    assert state is not None
    assert "not running" in state.text
    assert "kept" in state.hint
    assert state.remedies[0][0] == "start"


def test_a_daemon_that_does_not_start_says_why() -> None:
    problem = ErrorInfo(code="start_failed", message="It did not start.", hint="Look there.")
    state = bar_state(a_view("away", problem=problem), "")
    assert state is not None
    assert (state.text, state.hint) == ("It did not start.", "Look there.")


def test_without_a_model_one_can_be_fetched() -> None:
    view = a_view("empty", models=(), chosen="")
    state = bar_state(view, "")
    assert state is not None
    assert [name for name, _ in state.remedies] == ["starter", "folder"]
    pull = PullEntry(
        id="1", source="starter", state="running",
        progress=PullProgress(stage="download", done_bytes=25, total_bytes=100),
    )  # fmt: skip
    fetching = bar_state(view, "", pull=pull)
    assert fetching is not None
    assert "25%" in fetching.text
    assert fetching.fraction == 0.25


def test_loading_is_shown_with_its_progress() -> None:
    state = bar_state(a_view("loading", load_fraction=0.5), "", waiting=True)
    assert state is not None
    assert state.fraction == 0.5
    assert "50%" in state.text
    assert "kept" in state.text


def test_a_failed_model_says_why_and_what_to_do() -> None:
    problem = ErrorInfo(code="out_of_memory", message="Too little memory.", hint="Close something.")
    state = bar_state(a_view("error", problem=problem), "")
    assert state is not None
    assert (state.text, state.hint) == ("Too little memory.", "Close something.")
    assert state.remedies == (("load", "Try again"),)


def test_a_warm_model_needs_no_words() -> None:
    assert bar_state(a_view(), "") is None
    assert bar_state(a_view("answering"), "") is None


def test_a_model_that_is_gone_is_told() -> None:
    state = bar_state(a_view(), "gone")
    assert state is not None
    assert "not there any more" in state.text


# ---- commands ----


def test_every_command_has_keys_of_its_own_and_says_what_it_does() -> None:
    assert len({command.keys for command in COMMANDS}) == len(COMMANDS)
    assert all(command.text and command.help for command in COMMANDS)


def test_commands_can_be_used_when_there_is_something_to_use_them_on() -> None:
    nothing, running = Situation(), Situation(running=True, asked=True, written=True)
    assert not usable("copy", nothing)
    assert not usable("stop", nothing)
    assert usable("stop", running)
    assert not usable("send", running)
    assert not usable("insert", Situation(answered=True, pastes=False))
    assert usable("insert", Situation(answered=True))


def test_few_keys_are_shown_at_a_time() -> None:
    assert hinted(Situation(running=True)) == ("stop", "actions")
    assert hinted(Situation(answered=True)) == ("copy", "insert", "actions")
    assert hinted(Situation(failed=True, answered=True))[0] == "retry"


# ---- the models ----


def test_only_models_that_chat_are_offered_the_chosen_one_first() -> None:
    assert model_items(a_view(), "") == [("tiny (kept warm)", ""), ("seeing", "seeing")]


def test_a_model_that_is_gone_stays_visible_as_the_conversations() -> None:
    assert ("gone", "gone") in model_items(a_view(models=(a_model("tiny"),)), "gone")


@pytest.mark.parametrize(
    ("make", "given"), [(from_text, ""), (from_file, b"\x80"), (from_image, b"x")]
)
def test_every_refusal_says_what_to_do(make: Callable[[str, Any], object], given: object) -> None:
    with pytest.raises(HobError) as caught:
        make("a", given)
    assert caught.value.hint
