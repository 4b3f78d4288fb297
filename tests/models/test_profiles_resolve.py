"""What profiles are made of, what they inherit, and whose worker answers for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hob.errors import ModelNotFound
from hob.models.names import match
from hob.models.profiles.resolve import MAX_DEPTH, resolve_profiles
from hob.wire.base import ErrorInfo
from hob.wire.chat import ChatMessage
from hob.wire.profiles import Profile, ProfileAdapter

SMOL = "smollm2:135m-instruct-q4_1"
GEMMA = "gemma-3:270m-q4_k_m"
LLAMA = "llama-3.2:3b-instruct-q4_k_m"
LIBRARY = (SMOL, GEMMA, LLAMA)


def profile(name: str, model: str, **said: Any) -> Profile:
    said.setdefault("path", f"/models/{name}.toml")
    return Profile(name=name, model=model, **said)


def resolve(*profiles: Profile, **more: Callable[[str], str]) -> dict[str, Profile]:
    found = resolve_profiles(profiles, LIBRARY, lambda name: match(LIBRARY, name), **more)
    assert len({one.name for one in found}) == len(profiles)
    return {one.name: one for one in found}


def problem(one: Profile) -> str:
    assert one.problem is not None
    return str(one.problem.error())


def test_a_profile_is_made_of_the_model_that_its_words_mean() -> None:
    writer = resolve(profile("writer", "smol"))["writer"]
    assert (writer.model, writer.served_by, writer.problem) == (SMOL, SMOL, None)


@pytest.mark.parametrize("name", [SMOL, "smollm2"])
def test_a_profile_of_a_models_own_name_sets_its_defaults(name: str) -> None:
    own = resolve(profile(name, name, sampling={"seed": 1}))[SMOL]
    assert (own.model, own.served_by, own.sampling) == (SMOL, "", {"seed": 1})


def test_what_a_profile_does_not_say_comes_from_its_models_own() -> None:
    writer = resolve(
        profile("writer", "smol", system="Write.", sampling={"temperature": 1.0}),
        profile("smollm2", "smollm2", system="Be.", sampling={"temperature": 0.0, "seed": 1}),
    )["writer"]
    assert writer.system == "Write."
    assert writer.sampling == {"temperature": 1.0, "seed": 1}


def test_a_profile_of_a_profile_inherits_from_it_and_then_from_the_model() -> None:
    said = {
        "stop": ("a", "b"),
        "examples": (ChatMessage(role="user", content="x"),),
        "adapters": (ProfileAdapter(name="lora"),),
        "max_tokens": 5,
        "priority": "background",
        "keep_alive": 0.0,
        "reasoning_effort": "low",
    }
    found = resolve(
        profile("poet", "writer", stop=("c",), max_tokens=9, description="rhymes"),
        profile("writer", "smol", description="writes", **said),
        profile("smollm2", "smollm2", system="Be."),
    )
    poet = found["poet"]
    assert (poet.model, poet.system) == (SMOL, "Be.")
    assert (poet.stop, poet.max_tokens) == (("c",), 9)
    assert (poet.examples, poet.adapters) == (said["examples"], said["adapters"])
    assert (poet.priority, poet.keep_alive, poet.reasoning_effort) == ("background", 0.0, "low")
    assert poet.description == "rhymes"
    assert found["writer"].description == "writes"


def test_a_name_of_a_profile_goes_before_a_part_of_a_models() -> None:
    found = resolve(profile("smol", GEMMA), profile("poet", "SMOL"))
    assert found["poet"].model == GEMMA


def test_what_loads_nothing_of_its_own_is_answered_by_whoever_it_is_made_of() -> None:
    found = resolve(
        profile("smollm2", "smollm2", context_length=2048),
        profile("plain", "smollm2", system="x"),
        profile("same", "smollm2", context_length=2048),
        profile("long", "smollm2", context_length=8192),
        profile("longer", "long", system="y"),
        profile("longest", "longer", system="z"),
        profile("small", "long", kv_type="q8_0"),
    )
    assert {name: one.served_by for name, one in found.items()} == {
        SMOL: "",
        "plain": SMOL,
        "same": SMOL,
        "long": "",
        "longer": "long",
        "longest": "long",
        "small": "",
    }
    assert {name for name, one in found.items() if one.changes_load} == {SMOL, "long", "small"}
    assert found["plain"].context_length == 2048
    assert (found["small"].context_length, found["small"].kv_type) == (8192, "q8_0")


def test_a_profile_that_wants_of_a_set_model_what_the_file_has_gets_a_worker() -> None:
    found = resolve(
        profile("gemma-3", "gemma-3", template="chatml"), profile("x", "gemma-3", kv_type="q8_0")
    )
    assert (found["x"].served_by, found["x"].template) == ("", "chatml")


def test_profiles_in_a_ring_are_told_so() -> None:
    found = resolve(profile("a", "b"), profile("b", "c"), profile("c", "a"), profile("d", "a"))
    assert "a is made of itself: a of b of c of a" in problem(found["a"])
    assert all(one.problem for one in found.values())


def test_a_profile_of_a_profile_of_itself_in_another_case_is_a_ring() -> None:
    assert "made of itself" in problem(resolve(profile("a", "B"), profile("b", "A"))["a"])


@pytest.mark.parametrize("step", [1, -1])
def test_a_long_row_of_profiles_is_refused_and_a_shorter_one_is_not(step: int) -> None:
    row = [profile("p0", "smollm2")]
    row += [profile(f"p{n}", f"p{n - 1}") for n in range(1, 2_000)]
    found = resolve(*row[::step])
    good = {name for name, one in found.items() if one.problem is None}
    assert good == {f"p{n}" for n in range(MAX_DEPTH)}
    assert "made of 8 others in a row, or more" in problem(found["p8"])


def test_unknown_and_ambiguous_models_are_told() -> None:
    found = resolve(profile("a", "mixtral"), profile("b", "instruct"))
    assert "The profile a is made of mixtral: There is no model named 'mixtral'." in problem(
        found["a"]
    )
    assert "could be any of 2 models" in problem(found["b"])
    assert found["a"].problem is not None
    assert found["a"].problem.details["file"] == "/models/a.toml"


@pytest.mark.parametrize(
    ("said", "model"),
    [
        ("llama3.2", LLAMA),
        ("llama3.2:3b", LLAMA),
        ("llama3.2:latest", LLAMA),
        ("registry.ollama.ai/library/llama3.2:3b", LLAMA),
        ("hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M", LLAMA),
        ("gemma3:270m", GEMMA),
        ("SmolLM2-135M-Instruct-Q4_1.gguf", SMOL),
    ],
)
def test_other_programs_names_for_a_model_are_understood(said: str, model: str) -> None:
    assert resolve(profile("x", said))["x"].model == model


def test_a_file_is_the_model_that_lies_there() -> None:
    places = {"/models/s.gguf": SMOL}
    found = resolve(
        profile("a", "/models/s.gguf"),
        profile("b", "/else/s.gguf"),
        at_path=lambda path: places.get(path, ""),
    )
    assert found["a"].model == SMOL
    assert "the file /else/s.gguf, which is not in the models folder" in problem(found["b"])


def test_what_is_made_of_a_bad_profile_says_what_is_wrong_with_that() -> None:
    wrong = ErrorInfo(code="profile_invalid", message="top_p = 3 is not allowed.", hint="Less.")
    found = resolve(profile("bad", "smollm2", problem=wrong), profile("poet", "bad"))
    assert problem(found["poet"]) == (
        "The profile poet is made of bad, which cannot be used: top_p = 3 is not allowed. Less."
    )


def test_a_bad_profile_takes_no_models_name() -> None:
    wrong = ErrorInfo(code="profile_invalid", message="No.")
    found = resolve(profile("smollm2", "smollm2", problem=wrong), profile("x", "smollm2"))
    assert set(found) == {"smollm2.toml", "x"}
    assert found["x"].problem is None


def test_of_two_profiles_of_a_name_the_first_is_it_and_the_other_told() -> None:
    found = resolve(
        profile("writer", "smollm2"), profile("Writer", "gemma-3", path="/models/sub/writer.toml")
    )
    assert found["writer"].problem is None
    other = found["Writer"]
    assert other.problem is not None
    assert other.problem.code == "name_taken"
    assert "/models/sub/writer.toml cannot be called Writer" in problem(other)
    assert "the profile in /models/writer.toml" in problem(other)


def test_a_good_profile_goes_before_a_bad_one_of_its_name() -> None:
    wrong = ErrorInfo(code="profile_invalid", message="No.")
    found = resolve(
        profile("writer", "smollm2", problem=wrong, path="/a/writer.toml"),
        profile("writer", "smollm2", path="/b/writer.toml"),
    )
    assert found["writer"].path == "/b/writer.toml"
    assert found["writer.toml"].problem is not None


def test_two_sets_of_defaults_for_a_model_are_told() -> None:
    found = resolve(
        profile("smollm2", "smollm2"), profile(SMOL, SMOL, path="/models/again.toml", max_tokens=1)
    )
    assert found[SMOL].max_tokens is None
    assert found["again.toml"].problem is not None


def test_a_profile_cannot_be_called_as_another_model() -> None:
    found = resolve(profile(GEMMA, "smollm2", path="/models/x.toml"))
    assert "as is a model already" in problem(found["x.toml"])


def test_a_modelfiles_template_is_left_out_when_the_models_own_writes_the_same() -> None:
    own = {SMOL: "{{ '<|im_start|>' + role + '<|im_end|>' }}", GEMMA: ""}
    modelfile = {"path": "/models/Modelfile.x", "template": "chatml"}
    found = resolve(
        profile("x", "smollm2", **modelfile),
        profile("y", "gemma-3", **modelfile),
        profile("z", "smollm2", template="chatml"),
        template_of=own.__getitem__,
    )
    assert (found["x"].template, found["x"].served_by, found["x"].warnings) == ("", SMOL, ())
    assert (found["y"].template, found["y"].served_by) == ("chatml", "")
    assert found["y"].warnings == ("The template is read as the built-in chatml.",)
    assert found["z"].template == "chatml"


def test_without_any_model_every_profile_says_so() -> None:
    def nothing(name: str) -> str:
        raise ModelNotFound(f"There is no model named {name}.")

    (found,) = resolve_profiles([profile("a", "b")], (), nothing)
    assert "no model named b" in problem(found)
