from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hob.config import load_config
from hob.config.values import env_name, settings, shown
from hob.errors import ConfigError
from hob.paths import Paths

Write = Callable[[str], Path]


def test_without_a_file_everything_has_its_documented_default(paths: Paths) -> None:
    config = load_config(paths, {}, {})

    assert config.models.folder == paths.models_dir
    assert config.models.idle_unload == 1800.0
    assert config.engine.slots == 4
    assert config.engine.gpu_layers is None
    assert config.engine.start_timeout == 120.0
    assert config.daemon.log_file_size == 10 * 2**20
    assert config.api.allowed_hosts == ()
    assert config.api.tcp is False
    assert set(config.sources.values()) == {"default"}


def test_the_environment_wins_over_the_file_and_flags_win_over_both(
    paths: Paths, write: Write
) -> None:
    write("[engine]\nslots = 5\nthreads = 6\nbatch_tokens = 128\n")
    environ = {"HOB_ENGINE_THREADS": "7", "HOB_ENGINE_BATCH_TOKENS": "256"}

    config = load_config(paths, environ, {"engine.batch_tokens": "1024"})

    assert (config.engine.slots, config.engine.threads, config.engine.batch_tokens) == (5, 7, 1024)
    assert config.sources["engine.slots"] == "config.toml:2"
    assert config.sources["engine.threads"] == "HOB_ENGINE_THREADS"
    assert config.sources["engine.batch_tokens"] == "flag"
    assert config.sources["engine.kv_type"] == "default"


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("models.idle_unload", "never", None),
        ("models.idle_unload", "90s", 90.0),
        ("models.folders", "", ()),
        ("models.folders", "/a:/b:/a", (Path("/a"), Path("/b"))),
        ("models.folders", '["/a:b", "/c"]', (Path("/a:b"), Path("/c"))),
        ("engine.gpu_layers", "auto", None),
        ("engine.gpu_layers", "0", 0),
        ("engine.mmap", "off", False),
        ("engine.kv_type", "q8_0", "q8_0"),
        ("daemon.drain_grace", "0s", 0.0),
        ("api.max_body", "1MiB", 2**20),
        ("api.allowed_hosts", "Desk.local, desk", ("desk.local", "desk")),
        ("api.allowed_hosts", "", ()),
        ("engine.step_target", "80ms", 0.08),
        ("engine.tensor_split", "3, 1.5", (3.0, 1.5)),
        ("engine.tensor_split", "", ()),
        ("engine.warm_prompts", "You are kind.\nAnd brief.", ("You are kind.\nAnd brief.",)),
        ("engine.warm_prompts", '["You are kind.", "[1]"]', ("You are kind.", "[1]")),
        ("engine.warm_prompts", '["[1]"]', ("[1]",)),
        ("engine.warm_prompts", " ", ()),
        ("cache.disk", "0B", 0),
    ],
)
def test_a_setting_means_the_same_from_the_environment_and_from_a_flag(
    paths: Paths, key: str, text: str, value: object
) -> None:
    section, _, name = key.partition(".")
    for environ, flags in (({env_name(key): text}, {}), ({}, {key: text})):
        config = load_config(paths, environ, flags)
        assert getattr(getattr(config, section), name) == value
        again = load_config(paths, {}, {key: shown(config, key)})
        assert getattr(getattr(again, section), name) == value


def test_a_folder_may_start_at_home(paths: Paths) -> None:
    config = load_config(paths, {"HOB_MODELS_FOLDER": "~/gguf"}, {})
    assert config.models.folder == Path.home() / "gguf"


def test_every_effective_value_can_be_written_back_as_it_is_shown(paths: Paths) -> None:
    config = load_config(paths, {}, {})
    again = load_config(paths, {}, {key: shown(config, key) for key in settings()})
    for section in ("models", "engine", "daemon", "api", "cli"):
        assert getattr(again, section) == getattr(config, section)


def test_settings_cannot_be_changed_after_they_are_loaded(paths: Paths) -> None:
    config = load_config(paths, {}, {})
    with pytest.raises(AttributeError):
        config.engine.slots = 9  # type: ignore[misc]
    with pytest.raises(TypeError):
        config.sources["engine.slots"] = "me"  # type: ignore[index]


@pytest.mark.parametrize("name", ["HOB_HOME", "HOB_DEBUG", "HOB_TEST_MODEL", "PATH", "_HOB_X"])
def test_variables_that_are_no_settings_are_left_alone(paths: Paths, name: str) -> None:
    assert load_config(paths, {name: "anything"}, {}).engine.slots == 4


def test_a_misspelt_variable_is_refused_with_the_right_one(paths: Paths) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(paths, {"HOB_ENGINE_SLOT": "3"}, {})
    assert caught.value.param == "HOB_ENGINE_SLOT"
    assert "HOB_ENGINE_SLOTS" in caught.value.hint


def test_an_unknown_flag_is_refused(paths: Paths) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(paths, {}, {"engine.sloths": "3"})
    assert caught.value.param == "engine.sloths"
    assert "engine.slots" in caught.value.hint


def test_a_wrong_value_in_the_environment_names_the_variable(paths: Paths) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(paths, {"HOB_ENGINE_SLOTS": "many"}, {})
    assert caught.value.param == "engine.slots"
    assert "HOB_ENGINE_SLOTS" in caught.value.message
    assert "1 to 64" in caught.value.hint


def test_bytes_that_are_no_text_in_the_environment_are_refused(paths: Paths) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(paths, {"HOB_MODELS_DEFAULT": "caf\udce9"}, {})
    assert "UTF-8" in caught.value.message
    # It can be shown without a crash.
    assert caught.value.message.encode()
