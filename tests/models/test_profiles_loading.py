"""How a model is loaded and listed because of its profile."""

from __future__ import annotations

from typing import Any

from hob.models.profiles.loading import (
    MAX_WARM_CHARS,
    info_of,
    options_with,
    warm_prompts_of,
)
from hob.wire.base import ErrorInfo
from hob.wire.engine import LoadOptions, WarmPrompt
from hob.wire.models import ModelInfo
from hob.wire.profiles import Profile, ProfileAdapter

BAD = ErrorInfo(code="profile_invalid", message="No.")
BASE = ModelInfo(
    name="smol",
    path="/m/s.gguf",
    file_bytes=5,
    modified_at=1.0,
    title="Smol",
    capabilities=("completion",),
    aliases=("s",),
)


def profile(name: str, **said: Any) -> Profile:
    return Profile(name=name, model="smol", path=f"/m/{name}.toml", **said)


def test_what_a_profile_says_of_loading_goes_before_the_settings() -> None:
    options = LoadOptions(context_length=512, kv_type="f16", slots=2)
    wanted = profile("w", context_length=4096, kv_type="q8_0", template="chatml")
    assert options_with(wanted, options) == LoadOptions(
        context_length=4096,
        kv_type="q8_0",
        slots=2,
        template_override="chatml",
        template_from="the profile w in /m/w.toml",
    )


def test_what_it_does_not_say_stays() -> None:
    options = LoadOptions(context_length=512, template_override="gemma")
    assert options_with(profile("w"), options) == options
    assert options_with(None, options) == options
    assert options_with(profile("w", context_length=1, problem=BAD), options) == options


def test_the_system_prompts_of_a_model_are_worth_reading_once_each() -> None:
    prompts = warm_prompts_of(
        [
            profile("a", system="A"),
            profile("again", system="A"),
            profile("none"),
            profile("bad", system="B", problem=BAD),
            profile("adapted", system="C", adapters=(ProfileAdapter(name="x"),)),
            profile("long", system="D" * (MAX_WARM_CHARS + 1)),
            profile("e", system="E"),
        ]
    )
    assert prompts == (
        WarmPrompt(text="A", source="profile a"),
        WarmPrompt(text="E", source="profile e"),
    )


def test_no_more_than_eight_are_read() -> None:
    assert len(warm_prompts_of(profile(str(n), system=str(n)) for n in range(20))) == 8


def test_a_profile_is_listed_as_a_model_with_its_base() -> None:
    info = info_of(profile("w", description="Writes", served_by="smol"), BASE)
    assert (info.name, info.base, info.served_by, info.worker) == ("w", "smol", "smol", "smol")
    assert (info.title, info.path, info.aliases) == ("Writes", "/m/s.gguf", ())
    assert info.capabilities == ("completion",)


def test_a_template_makes_a_completion_model_chat() -> None:
    info = info_of(profile("w", template="chatml"), BASE)
    assert info.capabilities == ("chat", "completion")
    assert info.has_chat_template
    assert info.worker == "w"


def test_a_bad_profile_is_listed_with_its_problem() -> None:
    info = info_of(profile("w", problem=BAD), None)
    assert (info.name, info.problem, info.path) == ("w", BAD, "/m/w.toml")
