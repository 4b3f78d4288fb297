"""Which model the daemon keeps warm."""

from __future__ import annotations

from msgspec.structs import replace

from hob.models.choose import choose
from hob.wire.base import ErrorInfo
from hob.wire.models import Capability, ModelInfo

BAD = ErrorInfo(code="bad_model_file", message="The file is cut short.")


def model(
    name: str,
    size: int = 1,
    capabilities: tuple[Capability, ...] = ("chat", "completion"),
    problem: ErrorInfo | None = None,
) -> ModelInfo:
    return ModelInfo(
        name=name,
        path=f"/m/{name}.gguf",
        file_bytes=size,
        modified_at=0,
        capabilities=capabilities,
        problem=problem,
    )


def test_the_setting_comes_first() -> None:
    choice = choose([model("a"), model("b")], setting="b", last_used="a")
    assert (choice.name, choice.why) == ("b", "the setting")


def test_a_part_of_a_name_is_a_setting_too() -> None:
    assert choose([model("a:1b"), model("b:1b")], setting="B", last_used="").name == "b:1b"


def test_a_setting_that_is_not_there_falls_through_and_says_so() -> None:
    choice = choose([model("a"), model("b")], setting="gone", last_used="b")
    assert choice.name == "b"
    assert "'gone'" in choice.why
    assert choice.why.endswith("the last one used")


def test_an_ambiguous_setting_falls_through() -> None:
    choice = choose([model("x:1b", 2), model("x:2b", 1)], setting="x", last_used="")
    assert choice.name == "x:2b"
    assert "could be any of 2" in choice.why


def test_the_last_used_comes_before_the_smallest() -> None:
    assert choose([model("a", 1), model("b", 9)], setting="", last_used="b").name == "b"


def test_the_only_model_is_chosen_even_when_it_cannot_chat() -> None:
    choice = choose([model("a", capabilities=("completion",))], setting="", last_used="")
    assert (choice.name, choice.why) == ("a", "the only model")


def test_the_smallest_chat_model_is_chosen_among_many() -> None:
    infos = [model("big", 9), model("small", 2), model("base", 1, ("completion",))]
    choice = choose(infos, setting="", last_used="")
    assert (choice.name, choice.why) == ("small", "the smallest that can chat")


def test_equal_sizes_are_decided_by_name() -> None:
    assert choose([model("b"), model("a")], setting="", last_used="").name == "a"


def test_without_chat_models_the_smallest_is_chosen() -> None:
    infos = [model("a", 2, ("completion",)), model("b", 1, ("completion",))]
    assert choose(infos, setting="", last_used="").name == "b"


def test_bad_files_and_embedding_models_are_never_chosen() -> None:
    infos = [model("bad", problem=BAD), model("embed", capabilities=("embedding",))]
    choice = choose(infos, setting="bad", last_used="embed")
    assert choice.name == ""
    assert choice.why.endswith("there is no model that can answer")


def test_an_empty_library_chooses_nothing() -> None:
    assert choose([], setting="", last_used="").name == ""


def test_a_profile_is_chosen_only_when_it_was_asked_for() -> None:
    writer = replace(model("a-writer"), base="b")
    assert choose([writer, model("b")], setting="", last_used="").name == "b"
    assert choose([writer, model("b")], setting="", last_used="a-writer").name == "a-writer"
