from __future__ import annotations

import re
import tomllib

import pytest

from hob.config.docs import default_toml, settings_markdown
from hob.config.file import parse_config
from hob.config.load import check_file, load_config
from hob.config.values import SECTIONS, env_name, settings
from hob.paths import Paths

_COMMENTED_SETTING = re.compile(r"^# ([a-z_]+ = )", re.MULTILINE)


@pytest.mark.parametrize("key", settings())
def test_every_setting_is_explained_in_one_sentence(key: str) -> None:
    setting = settings()[key]
    assert setting.doc.endswith(".")
    assert len(setting.doc) <= 97
    assert setting.kind.allowed


def test_the_documented_file_changes_nothing() -> None:
    assert tomllib.loads(default_toml()) == {section: {} for section in SECTIONS}


def test_the_documented_file_shows_every_default(paths: Paths) -> None:
    file = parse_config(paths.config_file, _COMMENTED_SETTING.sub(r"\1", default_toml()))
    shown = {f"{section}.{name}" for section in SECTIONS for name in _names(file.data[section])}
    assert shown == set(settings())
    check_file(file)

    paths.config_file.write_text(file.text)
    paths.config_file.chmod(0o600)
    written = load_config(paths, {}, {})
    paths.config_file.unlink()
    default = load_config(paths, {}, {})
    for section in SECTIONS:
        assert getattr(written, section) == getattr(default, section)


def test_the_table_for_the_readme_has_a_row_for_every_setting() -> None:
    rows = settings_markdown().splitlines()
    assert len({row.count("|") for row in rows}) == 1
    assert [row.split("`")[1] for row in rows[2:]] == list(settings())


def test_no_two_settings_share_a_variable() -> None:
    assert len({env_name(key) for key in settings()}) == len(settings())


def _names(table: object) -> list[str]:
    assert isinstance(table, dict)
    return list(table)
