"""plugins.toml: which plugins are on, what is set for them, and hotkeys. Comments are kept.

The host is the only program that changes it, on one thread, so there is no lock.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hob.errors import ConfigError, HobError
from hob.wire.plugins import SettingValue

_MOST_BYTES = 2**20


@dataclass(frozen=True)
class PluginSettings:
    """What the file says. `problem` is set when it cannot be used, and all is at its default."""

    plugins: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    hotkeys: Mapping[str, str] = field(default_factory=dict)
    problem: HobError | None = None

    def enabled(self, plugin: str, default: bool) -> bool:
        value = self.plugins.get(plugin, {}).get("enabled", default)
        return value if isinstance(value, bool) else default


def read_settings(path: Path) -> PluginSettings:
    """What the file says; nothing when there is none."""
    try:
        return _parsed(tomllib.loads(_read(path)))
    except FileNotFoundError:
        return PluginSettings()
    except (OSError, ValueError, RecursionError) as error:
        return PluginSettings(problem=_bad(path, error))


def change_settings(
    path: Path, table: tuple[str, ...], key: str, value: SettingValue | None
) -> None:
    """Set, or with None remove, `key` of the table, whole or not at all. Raises ConfigError."""
    import tomlkit

    try:
        document = tomlkit.parse(_read(path) if path.exists() else "")
    except (OSError, ValueError, RecursionError) as error:
        raise _bad(path, error) from error
    place: Any = document
    for name in table:
        if not isinstance(place.get(name), dict):
            # A super table is written only by what is in it.
            place[name] = tomlkit.table(is_super_table=len(table) > 1 and name == table[0])
        place = place[name]
    if value is None:
        place.pop(key, None)
    else:
        place[key] = value
    changed = tomlkit.dumps(document)
    if _settings_in(changed) is None:
        raise _bad(path, ValueError("it is written in a way that cannot be changed by a program"))
    _replace(path, changed)


def _read(path: Path) -> str:
    if not path.is_file() and path.exists():
        raise ValueError("it is no plain file")
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"it is larger than {_MOST_BYTES} bytes")
    return path.read_text(encoding="utf-8")


def _settings_in(text: str) -> PluginSettings | None:
    """None when it cannot be used."""
    try:
        return _parsed(tomllib.loads(text))
    except (ValueError, RecursionError):
        return None


def _parsed(data: Mapping[str, Any]) -> PluginSettings:
    plugins, hotkeys = data.get("plugin", {}), data.get("hotkeys", {})
    if not isinstance(plugins, dict) or not all(isinstance(p, dict) for p in plugins.values()):
        raise ValueError("what is set for a plugin stands below [plugin.NAME]")
    if not isinstance(hotkeys, dict) or not all(isinstance(k, str) for k in hotkeys.values()):
        raise ValueError('a hotkey below [hotkeys] is a text, such as ask = "ctrl+alt+space"')
    if unknown := sorted(set(data) - {"plugin", "hotkeys"}):
        raise ValueError(f"[{unknown[0]}] is neither [plugin.NAME] nor [hotkeys]")
    return PluginSettings(plugins, hotkeys)


def _bad(path: Path, error: Exception) -> ConfigError:
    why = (error.strerror or "") if isinstance(error, OSError) else str(error)
    return ConfigError(
        f"{path} cannot be used ({why}), so what it says now is not in force.",
        hint="Mend the file, or delete it.",
        file=str(path),
    )


def _replace(path: Path, text: str) -> None:
    # A link, such as one into a folder of dotfiles, stays one.
    target = path.resolve()
    name = ""
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise ConfigError(
            f"{path} cannot be written ({error.strerror}).", hint="Make it writable for you."
        ) from error
