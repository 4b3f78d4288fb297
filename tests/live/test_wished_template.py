"""A chat template that is asked for in the place of the model's own, in a real worker."""

from __future__ import annotations

from pathlib import Path

import openai
import pytest

from live_daemon import LiveDaemon, starter_model

TEXT = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"
BROKEN = "{% for m in messages %}{{ m.content }}"
MESSAGES = [{"role": "user", "content": "Hi"}]


def test_the_text_of_a_template_is_what_the_model_reads(home: Path) -> None:
    setting = f"engine.chat_template={TEXT}"
    with LiveDaemon(home, models=[starter_model()], settings=[setting]) as daemon:
        reply = daemon.openai().post(
            "http://hob/hob/v1/apply-template", body={"messages": MESSAGES}, cast_to=object
        )
    assert isinstance(reply, dict)
    assert reply["prompt"].endswith("<user>Hi<assistant>")


def test_a_broken_one_fails_the_load_and_names_the_setting(home: Path) -> None:
    setting = f"engine.chat_template={BROKEN}"
    with (
        LiveDaemon(home, models=[starter_model()], settings=[setting]) as daemon,
        pytest.raises(openai.UnprocessableEntityError) as caught,
    ):
        daemon.openai().chat.completions.create(
            model="", messages=[{"role": "user", "content": "Hi"}]
        )
    assert "asked for by engine.chat_template cannot be used" in str(caught.value)
