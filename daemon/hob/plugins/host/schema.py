"""The settings of plugins: what kind each is of, and whether a value is one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from hob.errors import HobError, InvalidRequest
from hob.plugins.host.blame import one_line
from hob.plugins.values import Setting
from hob.wire.plugins import PluginSetting, SettingKind, SettingValue

_LONGEST = 100_000
_MOST_TEXTS = 1_000
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def kind_of(setting: Setting) -> SettingKind:
    if setting.kind is not None:
        return setting.kind
    match setting.default:
        case bool():
            return "switch"
        case int():
            return "whole"
        case float():
            return "number"
        case str():
            return "choice" if setting.choices else "text"
        case _:
            return "texts"


def checked(setting: Setting, value: object) -> SettingValue:
    """The value, if it is one of the setting's kind. Raises ValueError with what it should be."""
    match kind_of(setting), value:
        case "switch", bool():
            return value
        case "whole", int() if not isinstance(value, bool):
            return value
        case "number", int() | float() if not isinstance(value, bool) and math.isfinite(value):
            return float(value)
        case "text", str() if len(value) <= _LONGEST:
            return str(value)
        case "choice", str() if value in setting.choices:
            return str(value)
        case "texts", list() if len(value) <= _MOST_TEXTS and all(
            isinstance(one, str) and len(one) <= _LONGEST for one in value
        ):
            return [str(one) for one in value]
    raise ValueError(f"it is to be {_meant(setting)}")


def from_text(setting: Setting, text: str) -> SettingValue:
    """The value as a person writes it on a command line. Raises ValueError as `checked` does."""
    try:
        match kind_of(setting):
            case "switch":
                return _WORDS[text.strip().lower()]
            case "whole":
                return checked(setting, int(text))
            case "number":
                return checked(setting, float(text))
            case "texts":
                return checked(setting, [one.strip() for one in text.split(",") if one.strip()])
            case _:
                return checked(setting, text)
    except (KeyError, ValueError, OverflowError) as error:
        raise ValueError(f"it is to be {_meant(setting)}") from error


def wished(
    plugin: str, settings: Sequence[Setting], name: str, text: str | None, *, known: bool = True
) -> SettingValue | None:
    """The value for the setting of that name that a person wishes; None for its default. `known` is
    false for a plugin that does not run, which may have others. Raises InvalidRequest."""
    if not settings and not known:
        raise InvalidRequest(
            f"The plugin {plugin} does not run, so its settings are not known.",
            hint=f"`hob plugins enable {plugin}` turns it on; `hob plugins show {plugin}` says what"
            " is wrong with it.",
            param="setting",
        )
    setting = next((one for one in settings if one.name == name), None)
    if setting is None:
        raise InvalidRequest(
            f"The plugin {plugin} has no setting {name!r}.",
            hint=f"`hob plugins show {plugin}` lists its settings.",
            param="setting",
        )
    try:
        return None if text is None else from_text(setting, text)
    except ValueError as error:
        raise InvalidRequest(
            f"{one_line(text or '')!r} cannot be the setting {name} of the plugin {plugin}:"
            f" {error}.",
            param="value",
        ) from error


def effective(
    plugin: str, settings: Sequence[Setting], given: Mapping[str, object]
) -> tuple[dict[str, SettingValue], HobError | None]:
    """Every setting's value in force, and what is wrong with the values given, if anything is."""
    values: dict[str, SettingValue] = {}
    problem: HobError | None = None
    for setting in settings:
        values[setting.name] = setting.default
        if setting.name not in given:
            continue
        try:
            values[setting.name] = checked(setting, given[setting.name])
        except ValueError as error:
            problem = problem or InvalidRequest(
                f"The setting {setting.name} of the plugin {plugin} is wrong in plugins.toml:"
                f" {error}. Its default is used.",
                hint=f"`hob plugins set {plugin} {setting.name} VALUE` sets it.",
                param=setting.name,
            )
    names = {setting.name for setting in settings} | {"enabled"}
    if unknown := sorted(set(given) - names):
        problem = problem or InvalidRequest(
            f"The plugin {plugin} has no setting {unknown[0]!r}, which plugins.toml sets.",
            hint=f"`hob plugins show {plugin}` lists its settings.",
            param=unknown[0],
        )
    return values, problem


def shown(setting: Setting, value: SettingValue) -> PluginSetting:
    return PluginSetting(
        name=setting.name,
        kind=kind_of(setting),
        doc=setting.doc,
        default=setting.default,
        value=value,
        choices=tuple(setting.choices),
    )


def _meant(setting: Setting) -> str:
    match kind_of(setting):
        case "switch":
            return "true or false"
        case "whole":
            return "a whole number"
        case "number":
            return "a number"
        case "choice":
            return f"one of {', '.join(setting.choices)}"
        case "texts":
            return "a list of texts"
        case "text":
            return f"text of at most {_LONGEST} characters"
