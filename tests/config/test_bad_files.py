"""What a config file may be that it should not be: each is refused with where and what to do."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hob.config import Config, load_config
from hob.config.file import unsafe_reason
from hob.errors import ConfigError
from hob.paths import Paths

Write = Callable[[str | bytes], Path]


def refused(paths: Paths) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_config(paths, {}, {})
    assert caught.value.hint
    return caught.value


def test_an_empty_file_changes_nothing(paths: Paths, write: Write) -> None:
    write("")
    assert load_config(paths, {}, {}).engine.slots == 4


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[engine]\nslots = ", 2),
        ("[engine]\nslots = 4\n[eng", 3),
        ('[models]\ndefault = "smo', 2),
        ("[engine]\nslots 4\nthreads = 2\n", 2),
    ],
)
def test_a_half_written_file_is_refused_with_its_line(
    paths: Paths, write: Write, text: str, line: int
) -> None:
    file = write(text)
    error = refused(paths)
    assert error.details == {"file": str(file), "line": line}
    assert "not valid TOML" in error.message


@pytest.mark.parametrize(
    ("text", "name", "meant"),
    [
        ("[engine]\n\nslot = 4\n", "engine.slot", "engine.slots"),
        ("\n\nslots = 4\n", "slots", "engine.slots"),
        ("\n\n[engines]\nslots = 4\n", "engines", "engine"),
        ("[api]\nport = 1\nslots = 4\n", "api.slots", "engine.slots"),
    ],
)
def test_an_unknown_key_is_refused_with_its_line_and_a_guess(
    paths: Paths, write: Write, text: str, name: str, meant: str
) -> None:
    file = write(text)
    error = refused(paths)
    assert error.param == name
    assert error.details == {"file": str(file), "line": 3}
    assert f"Did you mean {meant}?" in error.hint


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("engine.slots", '"4"', "whole number"),
        ("engine.slots", "4.0", "whole number"),
        ("engine.slots", "true", "whole number"),
        ("engine.slots", "0", "1 to 64"),
        ("engine.slots", "99999999999999999999999999", "1 to 64"),
        ("engine.mmap", '"yes"', "true or false"),
        ("engine.mmap", "1", "true or false"),
        ("engine.kv_type", '"f32"', "q8_0"),
        ("engine.gpu_layers", '"all"', '"auto" or a whole number'),
        ("engine.stall_timeout", "30", "with a unit"),
        ("engine.stall_timeout", '"30"', "with a unit"),
        ("engine.stall_timeout", '"30m"', "ms, s, min, h"),
        ("engine.stall_timeout", '"never"', "with a unit"),
        ("engine.stall_timeout", "1979-05-27", "with a unit"),
        ("engine.stall_timeout", "inf", "with a unit"),
        ("models.idle_unload", '"0s"', '"never"'),
        ("models.folder", '"models"', "absolute path"),
        ("models.folder", '"~nobody-by-that-name/x"', "absolute path"),
        ("models.folder", '"/a\\u0000b"', "absolute path"),
        ("models.folder", "[]", "absolute path"),
        ("models.default", '"a\\u001b[31m"', "text"),
        ("daemon.log_file_size", "10", "MiB"),
        ("daemon.log_file_size", '"10mb"', "MiB"),
        ("daemon.log_file_size", '"1B"', "1KiB"),
        ("api.port", "0", "1 to 65535"),
        ("api.port", "70000", "1 to 65535"),
        ("api.allowed_hosts", '"desk"', "list"),
        ("api.allowed_hosts", "[1]", "list"),
        ("api.allowed_hosts", '["desk:80"]', "without ports"),
        ("api.allowed_hosts", '["http://desk"]', "host names"),
        ("engine.tensor_split", '"3,-1"', "commas"),
        ("engine.tensor_split", '"0,0"', "commas"),
        ("engine.tensor_split", '"nan"', "commas"),
        ("engine.tensor_split", '"1' + ",1" * 200 + '"', "up to 128"),
        ("engine.tensor_split", "[3, 1]", "commas"),
        ("models.folders", '"/a"', "list"),
        ("models.folders", '["a"]', "absolute"),
        ("models.folders", '["/a"' + ',"/a"' * 32 + "]", "up to 32"),
        ("engine.warm_prompts", '"You are kind."', "list"),
        ("engine.warm_prompts", "[1]", "list"),
        ("engine.warm_prompts", '["' + "x" * 100_001 + '"]', "100000 characters"),
        ("engine.warm_prompts", '["x"' + ',"x"' * 32 + "]", "up to 32"),
        ("cache.disk", "0", "unit"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(
    paths: Paths, write: Write, key: str, value: str, allowed: str
) -> None:
    section, _, name = key.partition(".")
    file = write(f"[{section}]\n# a comment\n{name} = {value}\n")
    error = refused(paths)
    assert error.param == key
    assert error.details == {"file": str(file), "line": 3}
    assert f"{key} = " in error.message
    assert allowed in error.hint


@pytest.mark.parametrize("host", ["*", "*.example", "0.0.0.0", "::", "[::]"])
def test_no_wildcard_can_be_allowed_as_a_host(paths: Paths, write: Write, host: str) -> None:
    write(f'[api]\nallowed_hosts = ["{host}"]\n')
    assert "wildcard" in refused(paths).message


@pytest.mark.parametrize("key", ["host", "bind", "address", "listen"])
def test_no_setting_binds_the_api_to_anything_but_loopback(
    paths: Paths, write: Write, key: str
) -> None:
    write(f'[api]\ntcp = true\n{key} = "0.0.0.0"\n')
    assert refused(paths).param == f"api.{key}"


def test_a_key_that_is_set_twice_is_refused_with_both_lines(paths: Paths, write: Write) -> None:
    write("[engine]\nslots = 4\nthreads = 2\nslots = 5\n")
    error = refused(paths)
    assert (error.param, error.details["line"]) == ("engine.slots", 4)
    assert "lines 2 and 4" in error.message


def test_a_section_that_appears_twice_is_refused_with_both_lines(
    paths: Paths, write: Write
) -> None:
    write("[engine]\nslots = 4\n[api]\n[engine]\nthreads = 5\n")
    assert "lines 1 and 4" in refused(paths).message


@pytest.mark.parametrize("text", ["engine = 4\n", "[[engine]]\nslots = 4\n"])
def test_a_section_written_as_something_else_is_refused(
    paths: Paths, write: Write, text: str
) -> None:
    write(text)
    error = refused(paths)
    assert (error.param, error.details["line"]) == ("engine", 1)
    assert "[engine]" in error.hint


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (b"[engine]\n# caf\xe9\n", 2),
        (b"[engine]\nslots = 4\n\x00\x00\x00", 3),
        (b"\xef\xbb\xbf[engine]\nslots = 4\n", 1),
        ("[engine]\n".encode("utf-16"), 1),
    ],
)
def test_a_file_that_is_not_plain_utf8_is_refused(
    paths: Paths, write: Write, raw: bytes, line: int
) -> None:
    write(raw)
    error = refused(paths)
    assert error.details["line"] == line
    assert "UTF-8" in error.hint


def test_a_file_of_a_thousand_brackets_is_refused(paths: Paths, write: Write) -> None:
    write("x = " + "[" * 100_000)
    assert "not valid TOML" in refused(paths).message


def test_a_huge_file_is_refused(paths: Paths, write: Write) -> None:
    write("#" * (2**20 + 1))
    assert "larger than" in refused(paths).message


def test_a_folder_in_its_place_is_refused(paths: Paths) -> None:
    paths.config_file.mkdir()
    assert str(paths.config_file) in refused(paths).message


def test_a_fifo_in_its_place_is_refused_and_does_not_hang(paths: Paths) -> None:
    os.mkfifo(paths.config_file, 0o600)
    assert "not a plain file" in refused(paths).message


def test_a_file_that_every_user_can_change_is_refused(paths: Paths, write: Write) -> None:
    write("[engine]\nslots = 8\n").chmod(0o666)
    error = refused(paths)
    assert "every user" in error.message
    assert "chmod 600" in error.hint


def test_a_file_may_be_read_by_others_and_written_by_the_group(paths: Paths, write: Write) -> None:
    write("[engine]\nslots = 8\n").chmod(0o664)
    assert load_config(paths, {}, {}).engine.slots == 8


def test_only_the_user_and_root_may_own_the_file() -> None:
    assert unsafe_reason(0o600, owner=1000, uid=1000) == ""
    assert unsafe_reason(0o444, owner=0, uid=1000) == ""
    assert "another user" in unsafe_reason(0o600, owner=1001, uid=1000)


def test_a_link_to_a_safe_file_is_followed(paths: Paths, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles.toml"
    target.write_text("[engine]\nslots = 8\n")
    target.chmod(0o600)
    paths.config_file.symlink_to(target)
    assert load_config(paths, {}, {}).engine.slots == 8


def test_a_link_to_an_unsafe_file_is_refused(paths: Paths, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles.toml"
    target.write_text("[engine]\nslots = 8\n")
    target.chmod(0o606)
    paths.config_file.symlink_to(target)
    assert "every user" in refused(paths).message


def test_a_link_that_leads_nowhere_is_refused_rather_than_ignored(paths: Paths) -> None:
    paths.config_file.symlink_to("/nowhere/at/all.toml")
    assert "does not exist" in refused(paths).message


def test_a_link_that_leads_to_itself_is_refused(paths: Paths) -> None:
    paths.config_file.symlink_to(paths.config_file)
    assert "cannot be read" in refused(paths).message


def test_a_fake_key_inside_a_long_string_does_not_mislead_about_lines(
    paths: Paths, write: Write
) -> None:
    write("[models]\ndefault = '''\nslots = 1\n'''\n[engine]\nslots = 8\n")
    config: Config = load_config(paths, {}, {})
    assert config.sources["engine.slots"] == "config.toml:6"
    assert config.models.default == "slots = 1\n"


@pytest.mark.parametrize(
    "text",
    [
        f"[engine]\nslots = {'9' * 5000}\n",
        f"[engine]\nslots = 0x{'f' * 5000}\n",
        f"engine.slots{'.a' * 3_000} = 1\n",
        f"[engine]\nslots = {'{a=' * 200}1{'}' * 200}\n",
    ],
    ids=["digits", "hexadecimal", "dots", "tables"],
)
def test_absurd_numbers_and_depths_are_refused(paths: Paths, write: Write, text: str) -> None:
    write(text)
    assert len(refused(paths).message) < 1000


_PIECE = st.sampled_from(
    ["[engine]", "[api]", "slots = 4", "=", "'''", '"""', "[", "]", "{", "# x", "x.y = 1"]
)


@given(st.binary(max_size=200) | st.lists(_PIECE).map(lambda lines: "\n".join(lines).encode()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_file_holds_it_is_read_or_refused(
    paths: Paths, write: Write, raw: bytes
) -> None:
    write(raw)
    with contextlib.suppress(ConfigError):
        assert load_config(paths, {}, {}).engine.slots == 4
