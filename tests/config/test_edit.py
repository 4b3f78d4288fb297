from __future__ import annotations

import errno
import os
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hob.config import load_config, set_value, unset_value
from hob.config.docs import default_toml
from hob.config.edit import replace_text, set_values
from hob.config.values import settings
from hob.errors import ConfigError
from hob.paths import Paths

Write = Callable[[str | bytes], Path]

HAND_WRITTEN = """\
# my machine

[engine]
threads = 2   # leave some for the compiler
slots = 4

[api]  # for the editor
port = 4662
"""


def test_setting_a_value_keeps_comments_and_order(paths: Paths, write: Write) -> None:
    file = write(HAND_WRITTEN)
    set_value(paths, "engine.threads", "6")
    set_value(paths, "api.port", "5000")
    assert file.read_text() == HAND_WRITTEN.replace("threads = 2", "threads = 6").replace(
        "4662", "5000"
    )


def test_a_new_key_goes_into_its_section(paths: Paths, write: Write) -> None:
    file = write(HAND_WRITTEN)
    set_value(paths, "engine.kv_type", "q8_0")
    set_value(paths, "models.idle_unload", "2h")
    assert tomllib.loads(file.read_text()) == {
        "engine": {"threads": 2, "slots": 4, "kv_type": "q8_0"},
        "api": {"port": 4662},
        "models": {"idle_unload": "2h"},
    }
    assert "# leave some for the compiler" in file.read_text()


def test_the_first_set_makes_the_documented_file_and_writes_beside_the_documentation(
    paths: Paths,
) -> None:
    set_value(paths, "engine.slots", "8")
    lines = paths.config_file.read_text().splitlines()
    at = lines.index("slots = 8")
    assert lines[at - 1] == "# slots = 4"
    assert [line for line in lines if line != "slots = 8"] == default_toml().splitlines()
    assert load_config(paths, {}, {}).sources["engine.slots"] == f"config.toml:{at + 1}"


def test_only_the_user_can_read_the_file(paths: Paths, write: Write) -> None:
    set_value(paths, "engine.slots", "8")
    assert stat.S_IMODE(paths.config_file.stat().st_mode) == 0o600
    paths.config_file.chmod(0o644)
    set_value(paths, "engine.slots", "9")
    assert stat.S_IMODE(paths.config_file.stat().st_mode) == 0o600


def test_unset_brings_back_the_default_and_keeps_the_rest(paths: Paths, write: Write) -> None:
    file = write(HAND_WRITTEN)
    assert unset_value(paths, "engine.slots") is True
    assert file.read_text() == HAND_WRITTEN.replace("slots = 4\n", "")
    assert unset_value(paths, "engine.slots") is False


def test_set_and_unset_leave_the_documented_file_as_it_was(paths: Paths) -> None:
    for key in settings():
        set_value(paths, key, settings()[key].default)
    assert all(
        source.startswith("config.toml:") for source in load_config(paths, {}, {}).sources.values()
    )
    for key in settings():
        assert unset_value(paths, key)
    assert paths.config_file.read_text() == default_toml()


def test_a_key_that_is_no_setting_can_be_removed_but_not_set(paths: Paths, write: Write) -> None:
    file = write("stray = 1\n[engine]\nslot = 4\nslots = 5\n")
    with pytest.raises(ConfigError, match="not a setting"):
        set_value(paths, "engine.slot", "4")
    assert unset_value(paths, "engine.slot")
    assert unset_value(paths, "stray")
    assert tomllib.loads(file.read_text()) == {"engine": {"slots": 5}}
    with pytest.raises(ConfigError, match="not a setting"):
        unset_value(paths, "engine")
    with pytest.raises(ConfigError, match="not a setting"):
        unset_value(paths, "nothing.like.it")


def test_one_mistake_can_be_mended_while_another_stands(paths: Paths, write: Write) -> None:
    write('[engine]\nslots = "many"\nthreads = "few"\n')
    set_value(paths, "engine.slots", "4")
    with pytest.raises(ConfigError) as caught:
        load_config(paths, {}, {})
    assert caught.value.param == "engine.threads"


@pytest.mark.parametrize(
    ("key", "value"), [("engine.slots", "0"), ("engine.slots", "x"), ("api.port", "70000")]
)
def test_a_wrong_value_leaves_the_file_untouched(
    paths: Paths, write: Write, key: str, value: str
) -> None:
    file = write(HAND_WRITTEN)
    with pytest.raises(ConfigError) as caught:
        set_value(paths, key, value)
    assert "Allowed" in caught.value.hint
    assert file.read_text() == HAND_WRITTEN


@pytest.mark.parametrize("text", ["[engine", "engine = 4\n"])
def test_a_file_that_cannot_be_edited_is_left_untouched(
    paths: Paths, write: Write, text: str
) -> None:
    file = write(text)
    with pytest.raises(ConfigError):
        set_value(paths, "engine.slots", "4")
    assert file.read_text() == text


@pytest.mark.parametrize(
    "text",
    [
        "engine.slots = 4\n",
        "engine = { slots = 4 }\n",
        "[engine]\r\nslots = 4\r\n",
        "[engine]\nslots = 4",
        "[api]\nport = 1\n[models]\n",
        "[ engine ]\n'slots' = 4\n",
        "default = 1\n[models]\nfolder = '''\n/tmp/[engine]\n# threads = 0\n'''\n",
    ],
)
def test_every_way_to_write_toml_can_be_edited(paths: Paths, write: Write, text: str) -> None:
    file = write(text)
    before = tomllib.loads(text)
    set_value(paths, "engine.threads", "3")
    before.setdefault("engine", {})["threads"] = 3
    assert tomllib.loads(file.read_bytes().decode()) == before


@given(name=st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=255))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_any_text_without_control_characters_comes_back_as_it_was(paths: Paths, name: str) -> None:
    set_value(paths, "models.default", name)
    assert load_config(paths, {}, {}).models.default == name


def test_a_link_stays_a_link(paths: Paths, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles.toml"
    target.write_text(HAND_WRITTEN)
    paths.config_file.symlink_to(target)
    set_value(paths, "engine.slots", "9")
    assert paths.config_file.is_symlink()
    assert "slots = 9" in target.read_text()


def test_a_file_of_somebody_else_is_not_edited(paths: Paths, write: Write) -> None:
    file = write(HAND_WRITTEN)
    file.chmod(0o666)
    with pytest.raises(ConfigError, match="every user"):
        set_value(paths, "engine.slots", "9")
    assert file.read_text() == HAND_WRITTEN


def test_a_full_disk_leaves_the_old_file_whole(
    paths: Paths, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(HAND_WRITTEN)

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError) as caught:
        set_value(paths, "engine.slots", "9")
    assert "No space left" in caught.value.message
    assert file.read_text() == HAND_WRITTEN
    assert [each.name for each in file.parent.glob(".config*")] == []


def test_replacing_the_text_checks_it_first(paths: Paths, write: Write) -> None:
    file = write(HAND_WRITTEN)
    with pytest.raises(ConfigError) as caught:
        replace_text(paths, HAND_WRITTEN, "[engine]\nslots = 0\n")
    assert caught.value.details["line"] == 2
    assert file.read_text() == HAND_WRITTEN
    replace_text(paths, HAND_WRITTEN, "[engine]\nslots = 3\n")
    assert file.read_text() == "[engine]\nslots = 3\n"


def test_replacing_the_text_does_not_undo_what_another_program_wrote(
    paths: Paths, write: Write
) -> None:
    file = write(HAND_WRITTEN)
    set_value(paths, "api.tcp", "true")
    with pytest.raises(ConfigError, match="meanwhile"):
        replace_text(paths, HAND_WRITTEN, "")
    assert "tcp = true" in file.read_text()


def test_several_values_are_one_edit_that_keeps_comments(paths: Paths, write: Write) -> None:
    file = write(HAND_WRITTEN)
    set_values(paths, {"api.tcp": "true", "api.port": "5000", "engine.slots": "8"})
    assert tomllib.loads(file.read_text()) == {
        "engine": {"threads": 2, "slots": 8},
        "api": {"port": 5000, "tcp": True},
    }
    assert "# leave some for the compiler" in file.read_text()


def test_of_several_values_one_that_is_wrong_changes_nothing(paths: Paths, write: Write) -> None:
    file = write(HAND_WRITTEN)
    with pytest.raises(ConfigError, match=r"api\.port"):
        set_values(paths, {"api.tcp": "true", "api.port": "70000"})
    assert file.read_text() == HAND_WRITTEN
