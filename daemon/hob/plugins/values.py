"""What plugins register: actions, tools and settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hob.wire.plugins import ContentKind, Opens, SettingKind, SettingValue, Shows, Source

if TYPE_CHECKING:
    from hob.plugins.context import Run

__all__ = ["Action", "Opens", "Setting", "Tool"]

# What an action makes: its text, or pieces of it as they come, or nothing.
Made = str | Iterable[str] | None


@dataclass(frozen=True, kw_only=True)
class Action:
    """What a person can trigger; see wire.plugins.ActionInfo for the fields of the same name.

    `run` is called on a thread of its own, and may be a coroutine function. An action has `run` or
    `opens`. `timeout_s` is how long it may take without making any text or progress, in seconds.
    """

    name: str = field(kw_only=False)
    title: str = field(kw_only=False)
    run: Callable[[Run], Any] | None = field(default=None, kw_only=False)
    help: str = ""
    takes: Source = "nothing"
    kinds: tuple[ContentKind, ...] = ()
    asks: str = ""
    choices: tuple[str, ...] = ()
    shows: Shows = "answer"
    opens: Opens | None = None
    system: str = ""
    hotkey: str = ""
    in_menu: bool = True
    plain: bool = False
    timeout_s: float = 120.0


@dataclass(frozen=True)
class Tool:
    """What a model may call. `parameters` is a JSON Schema of an object; `run` is called with the
    context and the arguments, and what it returns is told to the model: text as it is, anything
    else as JSON."""

    name: str
    help: str
    run: Callable[..., Any]
    parameters: Mapping[str, Any] = field(
        default_factory=lambda: {"type": "object", "properties": {}}
    )
    timeout_s: float = 30.0


@dataclass(frozen=True)
class Setting:
    """One setting of the plugin. `kind` follows from the default where it is not given."""

    name: str
    default: SettingValue
    doc: str
    kind: SettingKind | None = None
    choices: tuple[str, ...] = ()
