"""Chat templates that a setting or a profile asks for, tried before the model is loaded."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import get_args

import pytest

from hob.engine import loading
from hob.engine.prompts.templates_builtin import BUILTIN, ModelFacts, choose_template
from hob.engine.prompts.wished import check_wished
from hob.errors import HobError, TemplateFailed
from hob.wire.engine import LoadOptions
from hob.wire.template import MAX_TEMPLATE_CHARS, BuiltinTemplate

WISH = "the profile writer in /m/writer.toml"


def told(override: str) -> str:
    with pytest.raises(TemplateFailed) as caught:
        check_wished(override, WISH)
    return str(caught.value)


def test_the_names_that_profiles_may_say_are_those_of_the_templates() -> None:
    assert tuple(BUILTIN) == get_args(BuiltinTemplate)


@pytest.mark.parametrize("name", ["", *BUILTIN])
def test_a_built_in_template_can_be_used(name: str) -> None:
    check_wished(name, WISH)


@pytest.mark.parametrize(
    "text",
    [
        "{% for m in messages %}{{ m.content }}{% endfor %}",
        "{{ messages[0]['content'] }}",
        "{{ raise_exception('I want a system message') }}",
    ],
)
def test_a_text_that_writes_messages_or_wants_other_ones_can_be_used(text: str) -> None:
    check_wished(text, WISH)


@pytest.mark.parametrize(
    "text",
    [
        "{% for m in messages %}{{ m.content }}",
        "{{ messages | nothing_like_it }}",
        "{{ unknown() }}",
        "{{ messages.__class__.__mro__ }}",
        "{% for a in range(99999999) %}{{ a }}{% endfor %}",
        "{{ 'a' * 10 ** 10 }}",
        "{{ [].append.__globals__ }}",
    ],
)
def test_a_broken_or_hostile_text_is_told_with_who_asks_for_it(text: str) -> None:
    assert told(text).startswith(f"The chat template asked for by {WISH} cannot be used: ")


def test_a_name_that_there_is_not_is_told_with_those_that_there_are() -> None:
    message = told("chatlm")
    assert f"no built-in chat template 'chatlm', which is asked for by {WISH}" in message
    assert "chatml, llama2" in message


def test_a_very_long_text_is_refused() -> None:
    assert "longer than" in told("{{ 1 }}" + "x" * MAX_TEMPLATE_CHARS)


def test_a_wished_text_goes_before_the_models_own() -> None:
    facts = ModelFacts("own {{ 1 }}", "Gemma", "gemma", lambda _: True)
    assert choose_template(facts, "{% if 1 %}x{% endif %}").source == "{% if 1 %}x{% endif %}"
    assert choose_template(facts, "chatml").source == BUILTIN["chatml"]
    with pytest.raises(TemplateFailed, match="asked for by me"):
        choose_template(facts, "nothing", "me")


def test_a_load_fails_of_its_template_before_the_file_is_looked_at(tmp_path: Path) -> None:
    options = LoadOptions(template_override="{% if %}", template_from=WISH)
    with ExitStack() as stack, pytest.raises(HobError) as caught:
        loading.load(tmp_path / "gone.gguf", options, lambda _: None, stack)
    assert isinstance(caught.value, TemplateFailed)
    assert WISH in caught.value.message
