"""The actions on the clipboard, with a model that says what each test wants."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.fake_run import Asked, FakeRun, made, says
from hob.errors import ContextOverflow, InvalidRequest
from hob.plugins import Action
from hob_clipboard import register_actions, register_settings, warm_prompts
from hob_clipboard.wording import SYSTEM

Make = Callable[..., FakeRun]
GERMAN = "Der schnelle Fuchs springt über den Hund, und das ist noch nicht alles."
STORY = "The fox ran over the hill and it was not seen again. " * 200  # 2,400 words


@pytest.fixture
def make(tmp_path: Path) -> Make:
    return lambda text="", **fields: FakeRun(tmp_path, text, **fields)


def action(run: FakeRun, name: str) -> Action:
    return next(a for a in register_actions(run) if a.name == name)


def ran(run: FakeRun, name: str) -> str:
    return made(action(run, name), run)


# ---- what all have in common ----


def test_the_text_comes_first_and_the_instruction_last_so_that_it_can_be_read_ahead(
    make: Make,
) -> None:
    run = make("  The text.\nAll of it.")
    for one in register_actions(run):
        if one.run is not None and one.takes == "clipboard" and "image" not in one.kinds:
            run.input = "French"
            made(one, run)
            assert one.system == SYSTEM
    assert len(run.asked) > 10
    assert all(asked.prompt.startswith("  The text.\nAll of it.\n\n") for asked in run.asked)
    assert {asked.system for asked in run.asked} == {SYSTEM}


def test_the_common_system_prompt_is_kept_warm() -> None:
    assert warm_prompts() == [SYSTEM]


@pytest.mark.parametrize("text", ["", " \n\t "])
def test_an_empty_text_is_told_and_nothing_is_asked(make: Make, text: str) -> None:
    run = make(text)
    with pytest.raises(InvalidRequest, match="no text to work on"):
        ran(run, "summarize")
    assert run.asked == []


def test_a_picture_is_told_with_what_can_be_done_with_it(make: Make) -> None:
    run = make(image="data:image/png;base64,AAAA")
    with pytest.raises(InvalidRequest, match="Describe the picture"):
        ran(run, "summarize")
    assert ran(run, "describe-image") == "Done."
    assert run.asked[0].image == "data:image/png;base64,AAAA"


def test_a_text_instead_of_a_picture_is_told(make: Make) -> None:
    with pytest.raises(InvalidRequest, match="holds no picture"):
        ran(make("text"), "describe-image")


def test_more_than_the_setting_allows_is_refused_with_both_figures(make: Make) -> None:
    run = make("x" * 101, changed={"max_input": 100})
    with pytest.raises(InvalidRequest, match=r"101 characters.* 100 at most.*max_input"):
        ran(run, "fix-grammar")


def test_a_model_with_hardly_any_context_is_told(make: Make) -> None:
    with pytest.raises(ContextOverflow, match="too short for this action"):
        ran(make("text", context=200), "summarize")


def test_an_answer_that_the_limit_cut_says_so(make: Make) -> None:
    run = make("text", model_says=lambda asked: ("Half an", "length"))
    assert ran(run, "explain").startswith("Half an\n\n*(The answer ends here")


def test_a_model_that_finds_no_end_is_stopped_in_proportion_to_the_text(make: Make) -> None:
    run = make("a few words", context=100_000)
    ran(run, "fix-grammar")
    ran(run, "explain")
    assert run.asked[0].options["max_tokens"] == 4 * 3 + 256
    assert run.asked[1].options["max_tokens"] == 2_048


def test_the_wished_model_is_the_one_that_is_asked(make: Make) -> None:
    run = make("text", model="other")
    ran(run, "keywords")
    assert run.asked[0].model == "other"


# ---- languages ----


def test_a_summary_is_in_the_language_of_the_text(make: Make) -> None:
    run = make(GERMAN)
    ran(run, "summarize")
    assert "Write in German." in run.asked[0].instruction


def test_the_setting_for_the_language_goes_before(make: Make) -> None:
    run = make(GERMAN, changed={"language": "Italian", "summary_length": "short"})
    ran(run, "summarize")
    assert "two or three sentences" in run.asked[0].instruction
    assert "Write in Italian." in run.asked[0].instruction


def test_an_unknown_language_is_named_as_that_of_the_text(make: Make) -> None:
    run = make("xyzzy plugh")
    ran(run, "titles")
    assert "Write in the language of the text." in run.asked[0].instruction


def test_translate_remembers_the_last_language_and_offers_it_first(make: Make) -> None:
    run = make("text", input="Klingon")
    assert action(run, "translate").choices[0] == "English"
    ran(run, "translate")
    assert "into Klingon" in run.asked[0].instruction
    assert run.refreshed == 1
    assert action(run, "translate").choices[:2] == ("Klingon", "English")
    run.input = ""
    ran(run, "translate")
    assert "into Klingon" in run.asked[1].instruction


def test_the_setting_for_translating_is_offered_first(make: Make) -> None:
    run = make("text", changed={"translate_to": "Dutch"})
    choices = action(run, "translate").choices
    assert choices[0] == "Dutch"
    assert len(choices) == len(set(choices))


# ---- the single ones ----


def test_a_reply_says_what_was_asked_in_the_tone_that_is_set(make: Make) -> None:
    run = make("Can you come on Friday?", input="no, on Monday", changed={"tone": "formal"})
    ran(run, "reply")
    assert "Say this: no, on Monday. Be formal and polite." in run.asked[0].instruction


def test_a_reply_may_be_left_to_the_model(make: Make) -> None:
    run = make("Can you come on Friday?")
    ran(run, "reply")
    assert "Say this" not in run.asked[0].instruction


def test_rewriting_takes_any_wish(make: Make) -> None:
    run = make("text", input="More formal")
    ran(run, "rewrite")
    assert "so that it is more formal." in run.asked[0].instruction


def test_a_table_becomes_csv_without_any_model(make: Make) -> None:
    run = make("| a | b |\n|---|---|\n| 1 | x, y |\n")
    assert ran(run, "table-to-csv") == 'a,b\n1,"x, y"\n'
    assert run.asked == []


def test_what_is_no_clear_table_is_left_to_the_model(make: Make) -> None:
    run = make("Ann is 34 and Bob is 7.", model_says=says("name,age\nAnn,34\nBob,7"))
    assert ran(run, "table-to-csv") == "name,age\nAnn,34\nBob,7"


def test_results_whose_line_breaks_count_are_plain(make: Make) -> None:
    plain = {a.name for a in register_actions(make()) if a.plain}
    assert {"translate", "fix-grammar", "rewrite", "reply", "table-to-csv"} <= plain
    assert "summarize" not in plain


# ---- longer than the context ----


def test_a_long_text_is_summarized_part_by_part_with_progress(make: Make) -> None:
    run = make(STORY, model_says=says("Brief."))
    answer = ran(run, "summarize")
    *parts, last = run.asked
    assert len(parts) > 3
    assert "".join(p.text for p in parts).split() == STORY.split()
    assert f"part 1 of {len(parts)}" in parts[0].instruction
    assert (0.0, f"Reading part 1 of {len(parts)}") in run.told
    fractions = [fraction for fraction, _ in run.told if fraction is not None]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] <= fractions[-1] < 1
    assert last.text == "\n\n".join(["Brief."] * len(parts))
    assert answer.startswith("Brief.")
    assert f"made from its {len(parts)} parts" in answer


def test_summaries_that_are_too_long_together_are_summarized_again(make: Make) -> None:
    def model(asked: Asked) -> tuple[str, str]:
        return " ".join(["word"] * (len(asked.text.split()) // 3)), "stop"

    run = make(STORY * 2, context=600, model_says=model)
    ran(run, "summarize")
    assert any(note.startswith("Bringing together part") for _, note in run.told)
    most = max(len(a.prompt.split()) + len(a.system.split()) for a in run.asked)
    assert most < 600


def test_a_model_that_makes_nothing_shorter_is_told_as_such(make: Make) -> None:
    run = make(STORY, model_says=lambda asked: (asked.text, "stop"))
    with pytest.raises(ContextOverflow, match="does not make the parts"):
        ran(run, "summarize")


def test_parts_whose_summary_was_cut_are_counted(make: Make) -> None:
    run = make(STORY, model_says=lambda a: ("Brief.", "length" if "part 2 of" in a.prompt else ""))
    assert "The summaries of 1 of them reached their limit" in ran(run, "summarize")


def test_a_long_text_is_corrected_part_by_part_and_stays_whole(make: Make) -> None:
    text = "\n\n".join(f"Paragraph {n} has some words in it, and more." for n in range(200))
    run = make(text, model_says=lambda asked: (asked.text, "stop"))
    assert ran(run, "fix-grammar") == text
    assert len(run.asked) > 3
    assert (0.0, f"Part 1 of {len(run.asked)}") in run.told


def test_a_correction_that_was_cut_says_in_how_many_parts(make: Make) -> None:
    run = make(STORY, model_says=lambda asked: ("cut", "length"))
    answer = ran(run, "fix-grammar")
    assert f"{len(run.asked)} of the {len(run.asked)} parts reached" in answer


def test_every_setting_says_what_it_is_for() -> None:
    assert all(setting.doc.endswith(".") for setting in register_settings())
