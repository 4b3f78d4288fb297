"""A person's own prompts: the file, its mistakes, and the actions that it makes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hob_clipboard
from fakes.fake_run import FakeRun, made
from hob.errors import InvalidRequest
from hob.plugins import Action
from hob_clipboard.own import read_prompts
from hob_clipboard.own_actions import LISTING, Shelf, own_actions
from hob_clipboard.own_file import EXAMPLE, Watch, load, write_example
from hob_clipboard.wording import SYSTEM


def offered(run: FakeRun, text: str) -> dict[str, Action]:
    (run.folder / "prompts.toml").write_text(text, encoding="utf-8")
    return {a.name: a for a in hob_clipboard.register_actions(run)}


@pytest.fixture
def run(tmp_path: Path) -> FakeRun:
    return FakeRun(tmp_path, text="The text.")


# ---- what may stand in the file ----


def test_the_example_without_its_marks_is_a_working_file() -> None:
    _, _, body = EXAMPLE.partition("try them.\n\n")
    assert "{clipboard}, {selection} and {input} are filled in" in body
    prompts = body[: body.index("# {clipboard}, {selection}")]
    text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in prompts.splitlines())
    found = read_prompts(text, ())
    assert found.mistakes == ()
    assert [p.name for p in found.prompts] == ["haiku", "commit-message", "explain-to", "compare"]
    assert read_prompts(EXAMPLE, ()).prompts == ()


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[a]\nprompt = 'x'\n[b]\nprompt = ", 4, "no TOML"),
        ("[a]\ntitle = 'A'\n", 1, 'has no "prompt"'),
        ("[a]\nprompt = 'x'\nhotkeys = 'ctrl+a'\n", 3, '"hotkeys", which means nothing here'),
        ("[a]\nprompt = 'x'\n\ntemperature = 'hot'\n", 4, '"temperature": expected `float`'),
        ("[a]\nprompt = 'x'\ntemperature = 3.5\n", 3, "<= 2.0"),
        ("[a]\nprompt = 'x'\nkinds = ['poem']\n", 3, "invalid enum value 'poem'"),
        ("[a]\nprompt = ''\n", 2, "length >= 1"),
        ("# one\n['Two Words']\nprompt = 'x'\n", 2, "cannot be a name"),
        ("[a]\nprompt = 'x'\n[summarize]\nprompt = 'x'\n", 3, 'another action named "summarize"'),
        ("title = 'A'\n", 1, "stands outside of a prompt"),
        ("[a]\nprompt = 'x'\nasks = 'Whom?'\n", 3, "add {input}"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, line: int, said: str) -> None:
    (mistake,) = read_prompts(text, {"summarize"}).mistakes
    assert mistake.line == line
    assert said in str(mistake)


def test_a_mistake_in_one_prompt_does_not_cost_the_others() -> None:
    found = read_prompts("[a]\nprompt = 'x'\n[b]\n[c]\nprompt = 'y'\n", ())
    assert [p.name for p in found.prompts] == ["a", "c"]
    assert [m.line for m in found.mistakes] == [3]


def test_a_heading_within_a_long_text_is_none() -> None:
    text = '[a]\nprompt = """\n[b]\ntemperature = 1\n"""\n[b]\nprompt = "y"\ntemperature = -1\n'
    (mistake,) = read_prompts(text, ()).mistakes
    assert mistake.line == 8


@given(st.text(st.sampled_from("[a]\nprompt='x\"#{}.=1 "), max_size=120))
def test_any_text_is_prompts_or_mistakes(text: str) -> None:
    found = read_prompts(text, ())
    assert not found.broken or found.mistakes
    assert all(p.prompt for p in found.prompts)


# ---- the file ----


def test_the_example_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "prompts.toml"
    write_example(path)
    assert path.read_text() == EXAMPLE
    path.write_text("# mine\n")
    write_example(path)
    assert path.read_text() == "# mine\n"


def test_what_is_no_file_is_a_mistake(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "latin").write_bytes(b"# \n[a]\nprompt = 'caf\xe9'\n")
    (tmp_path / "huge").write_bytes(b"#" * 1_000_001)
    assert "no ordinary file" in str(load(tmp_path / "pipe", ()).mistakes[0])
    assert "no ordinary file" in str(load(tmp_path, ()).mistakes[0])
    assert str(load(tmp_path / "latin", ()).mistakes[0]).startswith("line 3: this is not UTF-8")
    assert "1,000,000 bytes" in str(load(tmp_path / "huge", ()).mistakes[0])
    assert load(tmp_path / "none", ()).mistakes == ()


def test_a_change_is_seen_once(tmp_path: Path) -> None:
    path = tmp_path / "prompts.toml"
    changes: list[str] = []
    watch = Watch(lambda: path, lambda: changes.append("changed"))
    watch.look()
    assert changes == []
    path.write_text("# one")
    watch.look()
    watch.look()
    assert changes == ["changed"]
    path.unlink()
    watch.look()
    assert changes == ["changed", "changed"]


def test_a_broken_file_leaves_the_prompts_before_it_in_force(run: FakeRun) -> None:
    assert "a" in offered(run, "[a]\nprompt = 'x'\n")
    now = offered(run, "[a]\nprompt = \n")
    assert "a" in now
    listing = made(now[LISTING], run)
    assert "line 2: this is no TOML" in listing
    assert "stays in force" in listing
    assert "a" not in offered(run, "")


def test_the_listing_names_the_file_and_shows_titles_as_they_are(run: FakeRun) -> None:
    listing = made(offered(run, "[a]\ntitle = '<b> *x*'\nprompt = 'x'\n")[LISTING], run)
    assert str(run.folder / "prompts.toml") in listing
    assert "\\<b\\> \\*x\\*" in listing


def test_the_file_may_be_elsewhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "mine.toml"
    elsewhere.write_text("[a]\nprompt = 'x'\n")
    run = FakeRun(tmp_path, changed={"prompts_file": str(elsewhere)})
    assert "a" in {a.name for a in hob_clipboard.register_actions(run)}


# ---- the actions ----


def test_a_prompt_without_a_place_for_the_text_comes_after_it(run: FakeRun) -> None:
    haiku = offered(run, "[haiku]\nprompt = 'Write a haiku.'\ntemperature = 1.5\n")["haiku"]
    assert (haiku.title, haiku.takes, haiku.system) == ("Haiku", "clipboard", SYSTEM)
    assert made(haiku, run) == "Done."
    assert run.asked[0].prompt == "The text.\n\nWrite a haiku."
    assert run.asked[0].options["temperature"] == 1.5


def test_placeholders_are_filled_once(run: FakeRun) -> None:
    run.text = "has {input} in it"
    run.input = "a {clipboard}"
    one = offered(run, "[x]\nprompt = 'For {input}: {clipboard} {other}'\nasks = 'Whom?'\n")["x"]
    assert (one.asks, one.takes, one.system) == ("Whom?", "clipboard", "")
    made(one, run)
    assert run.asked[0].prompt == "For a {clipboard}: has {input} in it {other}"


def test_selection_and_clipboard_may_both_be_in_a_prompt(tmp_path: Path) -> None:
    run = FakeRun(tmp_path, text="old", selected="new")
    both = offered(run, "[x]\nprompt = '{clipboard} or {selection}?'\n")["x"]
    made(both, run)
    assert run.asked[0].prompt == "old or new?"
    nothing = FakeRun(tmp_path, text="old")
    with pytest.raises(InvalidRequest, match="Nothing is selected"):
        made(both, nothing)


def test_a_prompt_with_the_selection_alone_takes_it(run: FakeRun) -> None:
    one = offered(run, "[x]\nprompt = 'Say {selection}'\n")["x"]
    assert one.takes == "selection"
    made(one, run)
    assert run.asked[0].prompt == "Say The text."


def test_a_prompt_that_takes_nothing_needs_no_clipboard(tmp_path: Path) -> None:
    run = FakeRun(tmp_path, input="cats")
    one = offered(run, "[x]\nprompt = 'A joke on {input}'\ntakes = 'nothing'\nmodel = 'm'\n")["x"]
    made(one, run)
    assert run.asked[0].prompt == "A joke on cats"
    assert run.asked[0].model == "m"


def test_a_change_that_brings_a_mistake_is_told(run: FakeRun) -> None:
    shelf_prompts = Shelf().read(run, ())
    assert own_actions(shelf_prompts, Shelf())[-1].name == LISTING
    offered(run, "")
    hob_clipboard.start(run)
    try:
        (run.folder / "prompts.toml").write_text("[a]\n")
        hob_clipboard._watches[0].look()
    finally:
        hob_clipboard.stop()
    assert run.refreshed == 1
    assert run.notices[0][0] == "Your own prompts have a mistake"
    assert "line 1" in run.notices[0][1]
