"""plugins.toml, and what may stand in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hob.errors import ConfigError, InvalidRequest
from hob.plugins import Setting
from hob.plugins.host.schema import checked, effective, from_text, kind_of, wished
from hob.plugins.host.settings_file import change_settings, read_settings

TEXT = Setting("text", "a", "A text.")
TEXTS = Setting("texts", ["a"], "Texts.")
WHOLE = Setting("whole", 1, "A whole number.")
NUMBER = Setting("number", 1.5, "A number.")
SWITCH = Setting("switch", True, "A switch.")
CHOICE = Setting("choice", "a", "A choice.", choices=("a", "b"))


def test_the_kind_follows_from_the_default() -> None:
    settings = (TEXT, TEXTS, WHOLE, NUMBER, SWITCH, CHOICE)
    assert [kind_of(setting) for setting in settings] == [s.name for s in settings]
    assert kind_of(Setting("n", 1, "N.", kind="number")) == "number"


@pytest.mark.parametrize(
    ("setting", "text", "value"),
    [
        (TEXT, "b", "b"),
        (TEXTS, "b, c,", ["b", "c"]),
        (WHOLE, "-3", -3),
        (NUMBER, "2", 2.0),
        (SWITCH, "Off", False),
        (CHOICE, "b", "b"),
    ],
)
def test_a_person_writes_values_as_text(setting: Setting, text: str, value: object) -> None:
    assert from_text(setting, text) == value


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        (TEXT, 3, "text"),
        (TEXT, "x" * 100_001, "100000"),
        (TEXTS, "a", "list of texts"),
        (TEXTS, [1], "list of texts"),
        (WHOLE, True, "whole number"),
        (WHOLE, 1.0, "whole number"),
        (NUMBER, float("nan"), "a number"),
        (SWITCH, 1, "true or false"),
        (CHOICE, "c", "one of a, b"),
    ],
)
def test_other_values_are_refused_with_what_they_should_be(
    setting: Setting, value: object, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        checked(setting, value)


def test_a_wish_that_cannot_be_is_told_why_and_not_repeated_at_length() -> None:
    assert wished("mine", (WHOLE,), "whole", "7") == 7
    assert wished("mine", (WHOLE,), "whole", None) is None
    with pytest.raises(InvalidRequest, match="no setting 'hole'"):
        wished("mine", (WHOLE,), "hole", "7")
    with pytest.raises(InvalidRequest, match="a whole number") as long:
        wished("mine", (WHOLE,), "whole", "7" * 100_000 + "x")
    assert len(long.value.message) < 1_000


def test_settings_of_a_plugin_that_does_not_run_are_not_known() -> None:
    with pytest.raises(InvalidRequest, match="does not run") as off:
        wished("mine", (), "whole", "7", known=False)
    assert "hob plugins enable mine" in off.value.hint
    # It was on before.
    assert wished("mine", (WHOLE,), "whole", "7", known=False) == 7


def test_wrong_and_unknown_settings_are_named_and_the_rest_counts() -> None:
    values, problem = effective("mine", (TEXT, WHOLE), {"whole": "many", "text": "b"})
    assert values == {"text": "b", "whole": 1}
    assert problem is not None
    assert "whole" in problem.message
    _, unknown = effective("mine", (TEXT,), {"colour": "red", "enabled": True})
    assert unknown is not None
    assert "colour" in unknown.message


def test_a_change_keeps_comments_and_order(tmp_path: Path) -> None:
    file = tmp_path / "plugins.toml"
    file.write_text('# all of it\n[plugin.one] # mine\na = "x" # keep\n\n[hotkeys]\n# none yet\n')
    change_settings(file, ("plugin", "one"), "b", ["y"])
    change_settings(file, ("plugin", "two"), "enabled", False)
    change_settings(file, ("hotkeys",), "ask", "ctrl+alt+k")
    change_settings(file, ("hotkeys",), "ask", None)
    text = file.read_text()
    for part in ("# all of it", "# mine", 'a = "x" # keep', "# none yet"):
        assert part in text
    settings = read_settings(file)
    assert settings.plugins["one"] == {"a": "x", "b": ["y"]}
    assert not settings.enabled("two", True)
    assert settings.hotkeys == {}
    assert [p.name for p in tmp_path.iterdir()] == ["plugins.toml"]


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles"
    kept.mkdir()
    (kept / "real.toml").write_text("")
    link = tmp_path / "plugins.toml"
    link.symlink_to(kept / "real.toml")
    change_settings(link, ("hotkeys",), "ask", "")
    assert link.is_symlink()
    assert read_settings(link).hotkeys == {"ask": ""}
    assert [p.name for p in kept.iterdir()] == ["real.toml"]


BROKEN: list[Any] = [
    b"[plugin",
    b"[plugin]\nask = 3\n",
    b"[hotkeys]\nask = 3\n",
    b"[plugins.ask]\nenabled = true\n",
    b"\xff\xfe",
    b"x = " + b"[" * 5_000,
    b"#" * (2**20 + 1),
]


@pytest.mark.parametrize("content", BROKEN, ids=range(len(BROKEN)))
def test_a_file_that_cannot_be_used_is_a_problem_and_is_left_alone(
    content: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "plugins.toml"
    file.write_bytes(content)
    settings = read_settings(file)
    assert isinstance(settings.problem, ConfigError)
    assert str(file) in settings.problem.message
    with pytest.raises(ConfigError):
        change_settings(file, ("hotkeys",), "other", "")
    assert file.read_bytes() == content


def test_where_nothing_can_be_written_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be"):
        change_settings(tmp_path / "file" / "plugins.toml", ("hotkeys",), "ask", "")
