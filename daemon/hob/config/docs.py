"""The settings as documents: config.toml with every key explained, and the README's table."""

from __future__ import annotations

import json

from hob.config.setting import Setting
from hob.config.values import SECTIONS, settings

_HEADING = """\
# Settings of Hob. Every key is listed with its default; take away the # in front to change one.
# `hob restart` applies changes, `hob config` shows what is in effect and where it came from.
"""


def default_toml() -> str:
    """A config.toml that changes nothing and explains every key."""
    parts = [_HEADING]
    for section, cls in SECTIONS.items():
        parts.append(f"\n# {cls.__doc__}\n[{section}]\n")
        for name, setting in _of(section).items():
            parts.append(
                f"\n# {setting.doc}\n"
                f"# Allowed: {setting.kind.allowed}.\n"
                f"# {name} = {_default_toml(setting)}\n"
            )
    return "".join(parts)


def settings_markdown() -> str:
    """One table of all settings for the README."""
    rows = ["| setting | default | what it does | allowed |", "|---|---|---|---|"]
    rows += [
        f"| `{key}` | `{_default_toml(setting)}` | {setting.doc} | {setting.kind.allowed} |"
        for key, setting in settings().items()
    ]
    return "\n".join(rows) + "\n"


def toml_text(native: object) -> str:
    """A string, whole number, switch or list of strings in TOML, which writes them as JSON does."""
    return json.dumps(native, ensure_ascii=False).replace("\x7f", "\\u007f")


def _of(section: str) -> dict[str, Setting]:
    return {
        key.partition(".")[2]: setting
        for key, setting in settings().items()
        if key.startswith(f"{section}.")
    }


def _default_toml(setting: Setting) -> str:
    return toml_text(setting.kind.from_text(setting.default))
