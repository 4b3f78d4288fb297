"""Layering: defaults, then config.toml, then the environment, then flags; frozen once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import msgspec

from hob.config.file import ConfigText, read_config
from hob.config.surroundings import CliConfig, DesktopConfig, PluginsConfig
from hob.config.values import (
    SECTIONS,
    ApiConfig,
    CacheConfig,
    Config,
    DaemonConfig,
    EngineConfig,
    ModelsConfig,
    env_name,
    settings,
)
from hob.errors import ConfigError, Detail
from hob.paths import Paths

# Names that are no settings: where everything lives, and what developers and tests use.
_OTHER_NAMES = frozenset({"HOB_HOME", "HOB_DEBUG"})
_TEST_PREFIX = "HOB_TEST_"

_LONGEST_SHOWN = 80


@dataclass(frozen=True)
class _Given:
    """What somebody wrote, as TOML would hold it; `where` reads on after "engine.slots = 4"."""

    native: object
    source: str
    where: str
    details: Mapping[str, Detail] = field(default_factory=dict)


def load_config(paths: Paths, environ: Mapping[str, str], flags: Mapping[str, str]) -> Config:
    """The effective settings. `flags` maps `section.key` to text.

    Raises ConfigError for the first setting that is wrong, wherever it came from.
    """
    given = {
        **_from_defaults(),
        **_from_file(read_config(paths.config_file)),
        **_from_environ(environ),
        **_from_flags(flags),
    }
    values: dict[str, dict[str, object]] = {section: {} for section in SECTIONS}
    for key, one in given.items():
        section, _, name = key.partition(".")
        values[section][name] = _checked(key, one)
    values["models"]["folder"] = values["models"]["folder"] or paths.models_dir
    return Config(
        models=msgspec.convert(values["models"], ModelsConfig),
        engine=msgspec.convert(values["engine"], EngineConfig),
        cache=msgspec.convert(values["cache"], CacheConfig),
        daemon=msgspec.convert(values["daemon"], DaemonConfig),
        api=msgspec.convert(values["api"], ApiConfig),
        desktop=msgspec.convert(values["desktop"], DesktopConfig),
        plugins=msgspec.convert(values["plugins"], PluginsConfig),
        cli=msgspec.convert(values["cli"], CliConfig),
        sources=MappingProxyType({key: one.source for key, one in given.items()}),
    )


def check_file(file: ConfigText) -> None:
    """Raise ConfigError for the first setting in `file` that is wrong."""
    for key, given in _from_file(file).items():
        _checked(key, given)


def section_table(file: ConfigText, section: str) -> dict[str, object]:
    """What `file` sets in `section`. Raises ConfigError when it is no section there."""
    table = file.data.get(section, {})
    if isinstance(table, dict):
        return table
    where, details = _place(file, section)
    raise ConfigError(
        f"{section}{where} is a section, but is written as something else.",
        hint=f"Write [{section}] on a line of its own and its settings below.",
        param=section,
        **details,
    )


def native_value(key: str, text: str) -> object:
    """`text` as TOML would hold it, once it is a legal value of `key`. Raises ConfigError."""
    if key not in settings():
        raise unknown_setting(key)
    given = _from_text(key, text, source="", where="")
    _checked(key, given)
    return given.native


def unknown_setting(
    name: str,
    where: str = "",
    known: Iterable[str] = (),
    details: Mapping[str, Detail] | None = None,
) -> ConfigError:
    """The error for a name that is no setting; `known` are the names it may have been meant as."""
    from difflib import get_close_matches

    known = tuple(known or settings())
    last = name.rpartition(".")[2]
    close = [key for key in known if key.rpartition(".")[2] == last] or get_close_matches(
        name, known, n=1, cutoff=0.6
    )
    guess = f"Did you mean {close[0]}? " if close else ""
    return ConfigError(
        f"{name}{where} is not a setting of Hob.",
        hint=f"{guess}Run `hob config` to see every setting.",
        param=name,
        **(details or {}),
    )


def _from_defaults() -> dict[str, _Given]:
    return {
        key: _from_text(key, setting.default, source="default", where=" by default")
        for key, setting in settings().items()
    }


def _from_file(file: ConfigText) -> dict[str, _Given]:
    given: dict[str, _Given] = {}
    for section, table in file.data.items():
        if section not in SECTIONS:
            where, details = _place(file, section)
            known = SECTIONS if isinstance(table, dict) else settings()
            raise unknown_setting(section, where, known, details)
        for name, native in section_table(file, section).items():
            key = f"{section}.{name}"
            where, details = _place(file, key)
            if key not in settings():
                raise unknown_setting(key, where, details=details)
            line = f":{details['line']}" if "line" in details else ""
            given[key] = _Given(native, f"{file.path.name}{line}", where, details)
    return given


def _place(file: ConfigText, name: str) -> tuple[str, Mapping[str, Detail]]:
    line = file.lines.get(name)
    if line is None:
        return f" in {file.path}", {"file": str(file.path)}
    return f" in {file.path}, line {line},", {"file": str(file.path), "line": line}


def _from_environ(environ: Mapping[str, str]) -> dict[str, _Given]:
    keys = {env_name(key): key for key in settings()}
    given: dict[str, _Given] = {}
    for name, text in environ.items():
        if not name.startswith("HOB_") or name in _OTHER_NAMES or name.startswith(_TEST_PREFIX):
            continue
        if name not in keys:
            raise unknown_setting(name, " in the environment", keys)
        given[keys[name]] = _from_text(keys[name], text, source=name, where=f" (from {name})")
    return given


def _from_flags(flags: Mapping[str, str]) -> dict[str, _Given]:
    given: dict[str, _Given] = {}
    for key, text in flags.items():
        if key not in settings():
            raise unknown_setting(key, " on the command line")
        given[key] = _from_text(key, text, source="flag", where=" on the command line")
    return given


def _from_text(key: str, text: str, *, source: str, where: str) -> _Given:
    try:
        native = settings()[key].kind.from_text(text)
    except ValueError as error:
        raise _refusal(key, _Given(text, source, where), error) from error
    return _Given(native, source, where)


def _checked(key: str, given: _Given) -> object:
    try:
        return settings()[key].kind.check(given.native)
    except ValueError as error:
        raise _refusal(key, given, error) from error


def _refusal(key: str, given: _Given, problem: ValueError) -> ConfigError:
    return ConfigError(
        f"{key} = {_shown(given.native)}{given.where} {problem}.",
        hint=f"Allowed: {settings()[key].kind.allowed}.",
        param=key,
        **given.details,
    )


def _shown(native: object) -> str:
    """A wrong value for an error message: short, and without what cannot be printed."""
    try:
        text = json.dumps(native, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        # A number of thousands of digits, or tables a thousand deep.
        return "..."
    text = text.encode(errors="backslashreplace").decode()
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
