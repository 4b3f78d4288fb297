"""Profiles in TOML: what they say, and how what is wrong in them is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from hob.models.profiles.toml import read_toml
from hob.wire.chat import ChatMessage
from hob.wire.profiles import Profile, ProfileAdapter

WRITER = '''
model = "smollm2"
description = "Writes stories"
system = """
You are a writer.
You use "quotes"."""
temperature = 0.7
max_tokens = 500
stop = ["THE END", "###"]
context_length = 4096
kv_type = "q8_0"
template = "chatml"
priority = "background"
keep_alive = "2h"
reasoning_effort = "low"
adapters = [{ name = "stories", scale = 0.5 }, "plain"]

[sampling]
top_p = 0.9
seed = 7

[[examples]]
role = "user"
content = "A beginning?"

[[examples]]
role = "assistant"
content = "It was night."
'''


def read(folder: Path, text: str, name: str = "writer.toml") -> list[Profile]:
    (folder / name).write_text(text)
    return read_toml(str(folder / name))


def one(folder: Path, text: str, name: str = "writer.toml") -> Profile:
    (profile,) = read(folder, text, name)
    return profile


def problem(folder: Path, text: str) -> str:
    """What is wrong with the first profile of the text, and what to do, without the folder."""
    found = one(folder, text).problem
    assert found is not None
    assert found.code == "profile_invalid"
    return str(found.error()).replace(f"{folder}/", "")


def test_everything_that_a_profile_may_say_is_read(tmp_path: Path) -> None:
    assert one(tmp_path, WRITER) == Profile(
        name="writer",
        model="smollm2",
        path=str(tmp_path / "writer.toml"),
        description="Writes stories",
        system='You are a writer.\nYou use "quotes".',
        examples=(
            ChatMessage(role="user", content="A beginning?"),
            ChatMessage(role="assistant", content="It was night."),
        ),
        sampling={"seed": 7, "temperature": 0.7, "top_p": 0.9},
        max_tokens=500,
        stop=("THE END", "###"),
        context_length=4096,
        kv_type="q8_0",
        template="chatml",
        adapters=(ProfileAdapter(name="stories", scale=0.5), ProfileAdapter(name="plain")),
        priority="background",
        keep_alive=7200,
        reasoning_effort="low",
    )


def test_a_profile_is_called_as_its_file_unless_it_says_another_name(tmp_path: Path) -> None:
    assert one(tmp_path, 'model = "x"', "My Writer (new).toml").name == "My-Writer-new"
    assert one(tmp_path, 'model = "x"\nname = "poet:small"').name == "poet:small"


def test_without_a_model_it_is_for_the_model_of_its_name(tmp_path: Path) -> None:
    found = one(tmp_path, "temperature = 0", "smollm2.toml")
    assert (found.name, found.model) == ("smollm2", "smollm2")


def test_a_file_of_tables_holds_a_profile_in_each(tmp_path: Path) -> None:
    text = '[writer]\nmodel = "a"\n["poet:x"]\nmodel = "b"\n[poet2.sampling]\ntop_k = 3\n'
    found = read(tmp_path, text)
    assert [(p.name, p.model) for p in found] == [("writer", "a"), ("poet:x", "b"), ("poet2",) * 2]
    assert found[2].sampling == {"top_k": 3}


def test_a_wrong_profile_hides_none_of_the_others_in_its_file(tmp_path: Path) -> None:
    text = '[good]\nmodel = "a"\n\n[bad]\nmodel = "a"\ntop_p = 2.0\n'
    good, bad = read(tmp_path, text)
    assert good.problem is None
    assert (bad.name, bad.model) == ("bad", "a")
    assert bad.problem is not None
    assert bad.problem.details["line"] == 6


WRONG = {
    'model = "a"\ntemprature = 1': "temprature in writer.toml, line 2, is nothing that a profile"
    " can say. Did you mean temperature?",
    'model = "a"\n[sampling]\ntopk = 1': "topk in writer.toml, line 3, is nothing that a profile"
    " can say. Did you mean top_k?",
    'model = "a"\n\ntop_p = 3': "top_p = 3 in writer.toml, line 3, is not allowed. Allowed: a"
    " number from 0 to 1.",
    'model = "a"\n[sampling]\ntop_k = "x"': 'top_k = "x" in writer.toml, line 3, is not allowed.'
    " Allowed: a whole number from -1 to 1000000.",
    'model = "a"\ntemperature = nan': "temperature = NaN in writer.toml, line 2, is not allowed.",
    'model = "a"\ntemperature = true': "temperature = true in writer.toml, line 2, is not allowed.",
    'model = "a"\ntemperature = 1\n[sampling]\ntemperature = 1': "temperature is said twice",
    'model = "a"\nsampling = 1': "sampling = 1 in writer.toml, line 2, is not allowed. Allowed: a"
    " table.",
    "model = 7": "model = 7 in writer.toml, line 1, is not allowed. Allowed: text in quotes",
    'model = ""': 'model = "" in writer.toml, line 1, is not allowed.',
    'model = "a"\nsystem = ["x"]': 'system = ["x"] in writer.toml, line 2, is not allowed. Allowed:'
    " text in quotes.",
    'model = "a"\nstop = [1]': "stop = [1] in writer.toml, line 2, is not allowed. Allowed: a list"
    " of up to 16",
    'model = "a"\nstop = [""]': "is not allowed",
    'model = "a"\nmax_tokens = 0': "Allowed: a whole number from 1 to",
    'model = "a"\ncontext_length = 4096.5': "Allowed: a whole number from 1 to 16777216.",
    'model = "a"\nkv_type = "q5"': 'Allowed: "f16", "q4_0", "q8_0".',
    'model = "a"\npriority = "high"': 'Allowed: "background", "interactive", "normal".',
    'model = "a"\nreasoning_effort = "max"': 'Allowed: "high", "low", "medium", "minimal", "none".',
    'model = "a"\nkeep_alive = "10 parsecs"': "Allowed: seconds, or a time with a unit",
    'model = "a"\nkeep_alive = inf': "keep_alive = Infinity in writer.toml, line 2, is not allowed",
    'model = "a"\ntemplate = "chatlm"': "Allowed: the text of a template in Jinja, or one of"
    " chatml, llama2",
    'model = "a"\ntemplate = "chatml"\ntemplate_file = "x"': "There are both template and"
    " template_file in writer.toml, line 3,",
    'model = "a"\ntemplate_file = "../x"': "Allowed: the name of a file in the folder",
    'model = "a"\ntemplate_file = "gone.jinja"': "The template gone.jinja is not there.",
    'model = "a"\nadapters = [{ nme = "x" }]': "Allowed: a list of up to 8: a table of name and"
    " scale",
    'model = "a"\nadapters = [{ name = "x", scale = 1e9 }]': "is not allowed",
    'model = "a"\n[[examples]]\nrole = "tool"\ncontent = ""': "An example in writer.toml, line 2,"
    " has the role 'tool'.",
    'model = "a"\n[[examples]]\nrole = "user"': "examples = ",
    'model = "a"\nname = "a/b"': 'name = "a/b" in writer.toml, line 2, is not allowed.',
    'model = "a"\nname = "default"': "`default` is taken",
    'model = "a"\n[poet]\nmodel = "b"': "poet in writer.toml, line 2, is a table beside settings",
    '[poet]\nmodel = "b"\n[poet.more]\nx = 1': "more in writer.toml, line 3, is nothing",
    "# nothing yet\n": "writer.toml holds nothing but comments.",
    'model = "a"\nsystem = """\nhalf': "writer.toml is not valid TOML:",
    'model = "a"\nmodel = "b"': "writer.toml is not valid TOML: Cannot overwrite a value",
    f"model = {'9' * 5000}": "writer.toml is not valid TOML:",
    f"model = {'[' * 3000}": "writer.toml is not valid TOML:",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_told_with_its_line_and_what_is_allowed(tmp_path: Path, text: str) -> None:
    assert WRONG[text] in problem(tmp_path, text)


def test_a_broken_line_is_told_by_its_number(tmp_path: Path) -> None:
    found = one(tmp_path, 'model = "a"\ntop_p = = 2\n').problem
    assert found is not None
    assert found.details == {"file": str(tmp_path / "writer.toml"), "line": 2}


def test_what_a_wrong_value_holds_is_shown_short_and_harmless(tmp_path: Path) -> None:
    told = problem(tmp_path, f'model = "a"\nkv_type = "\\u001b[31m{"x" * 500}"')
    assert "\x1b" not in told
    assert len(told) < 250


KEPT = {
    "0": 0,
    "90": 90,
    "2.5": 2.5,
    "-1": -1,
    '"30s"': 30,
    '"5m"': 300,
    '"10 min"': 600,
    '"1h"': 3600,
    '"250ms"': 0.25,
    '"0"': 0,
    '"forever"': -1,
}


@pytest.mark.parametrize(("said", "seconds"), KEPT.items())
def test_keep_alive_is_seconds_or_a_time_with_a_unit(
    tmp_path: Path, said: str, seconds: float
) -> None:
    assert one(tmp_path, f'model = "a"\nkeep_alive = {said}').keep_alive == seconds


def test_a_template_may_lie_in_a_file_beside_the_profile(tmp_path: Path) -> None:
    (tmp_path / "chat.jinja").write_text("{{ messages[0].content }}")
    found = one(tmp_path, 'model = "a"\ntemplate_file = "chat.jinja"')
    assert found.template == "{{ messages[0].content }}"


def test_a_template_file_that_is_no_template_is_told(tmp_path: Path) -> None:
    (tmp_path / "chat.jinja").write_text("hello")
    told = problem(tmp_path, 'model = "a"\ntemplate_file = "chat.jinja"')
    assert "chat.jinja, the template_file in writer.toml, line 2, is no template" in told


def test_an_adapter_beside_the_profile_is_named_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "mine.gguf").touch()
    found = one(tmp_path, 'model = "a"\nadapters = ["mine.gguf", "gone.gguf", "other"]')
    assert [a.name for a in found.adapters] == [str(tmp_path / "mine.gguf"), "gone.gguf", "other"]


def test_over_256_profiles_in_a_file_are_refused(tmp_path: Path) -> None:
    text = "".join(f"[p{number}]\nmodel = 'a'\n" for number in range(257))
    assert "holds 257 profiles" in problem(tmp_path, text)
