"""What the settings become for whoever loads models."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from hob.config import load_config
from hob.errors import ConfigError
from hob.paths import Paths
from hob.serve.options import make_cache_folder, pool_options
from hob.wire.engine import CacheOptions, LoadOptions, WarmPrompt


def test_the_default_settings_are_the_engines_own_defaults(paths: Paths) -> None:
    load = pool_options(load_config(paths, {}, {}), paths).load
    cache = CacheOptions(disk_bytes=2 * 2**30, folder=str(paths.prefix_dir))
    assert load == LoadOptions(cache=cache)


def test_what_is_set_reaches_the_engine(paths: Paths) -> None:
    flags = {
        "engine.step_target": "50ms",
        "engine.split_mode": "row",
        "engine.main_gpu": "1",
        "engine.tensor_split": "3,1",
        "engine.speculate": "off",
        "engine.warm_prompts": "You are kind.",
        "cache.ram": "1GiB",
        "cache.disk": "0B",
    }
    load = pool_options(load_config(paths, {}, flags), paths).load
    assert load == LoadOptions(
        step_s=0.05,
        split_mode="row",
        main_gpu=1,
        tensor_split=(3, 1),
        speculate="off",
        warm_prompts=(WarmPrompt(text="You are kind.", source="engine.warm_prompts"),),
        cache=CacheOptions(ram_bytes=2**30, disk_bytes=0, folder=""),
    )


@pytest.mark.parametrize("draft", ["small.gguf", "/elsewhere/small.gguf"])
def test_a_draft_model_is_a_path_or_a_file_of_the_models_folder(paths: Paths, draft: str) -> None:
    config = load_config(paths, {}, {"engine.draft": draft})
    assert pool_options(config, paths).load.draft == str(paths.models_dir / draft)


def test_the_cache_folder_is_for_its_user_alone(paths: Paths) -> None:
    make_cache_folder(load_config(paths, {}, {"cache.disk": "0B"}), paths)
    assert not paths.cache_dir.exists()
    paths.prefix_dir.mkdir(parents=True, mode=0o755)
    make_cache_folder(load_config(paths, {}, {}), paths)
    assert stat.S_IMODE(paths.prefix_dir.stat().st_mode) == 0o700


def test_a_cache_folder_that_cannot_be_made_does_not_keep_the_daemon_from_starting(
    paths: Paths, tmp_path: Path
) -> None:
    paths.cache_dir.write_text("a file in its place")
    make_cache_folder(load_config(paths, {}, {}), paths)
    assert not paths.prefix_dir.exists()


@pytest.mark.parametrize("template", ["", "chatml", "{% for m in messages %}\n{{ m }}{% endfor %}"])
def test_a_chat_template_is_a_name_or_a_text(paths: Paths, template: str) -> None:
    config = load_config(paths, {}, {"engine.chat_template": template})
    assert pool_options(config, paths).load.template_override == template


def test_a_chat_template_that_there_is_not_is_told_with_those_that_there_are(paths: Paths) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(paths, {}, {"engine.chat_template": "chatlm"})
    assert "is no built-in template, and not the text of one" in caught.value.message
    assert "one of chatml, llama2" in caught.value.hint
