"""What goes wrong with plugins and their process, in words that a person can act on."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from hob.companions.keeper import End
from hob.companions.plugin_blame import Inside
from hob.errors import (
    ActionNotFound,
    Overloaded,
    PluginBroken,
    PluginNotFound,
    PluginsUnavailable,
    ProtocolError,
    ShuttingDown,
    ToolNotFound,
)

_GIB = 2**30
_MOST_NAMES = 8


def cause(end: End) -> str:
    """Why the process ended, to stand in brackets."""
    if end.why:
        return end.why
    if end.exit_code is None:
        return end.problem or "for a reason that the system does not tell"
    if end.exit_code >= 0:
        return f"exit code {end.exit_code}"
    number = -end.exit_code
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    words = {"SIGKILL": ": killed, by the system when memory ran out or by someone"}
    crash = ": a crash in native code"
    return f"{name}{words.get(name, crash if name in _CRASHES else '')}"


_CRASHES = frozenset({"SIGABRT", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL"})


def hung(seconds: float) -> str:
    return f"it did not answer for {seconds:g} s, so it was ended"


def too_large(rss_bytes: int, limit_bytes: int) -> str:
    return (
        f"it took {rss_bytes / _GIB:.1f} GiB of memory, and may take {limit_bytes / _GIB:.1f}, so"
        " it was ended"
    )


def brought_down(inside: Inside, end: End) -> PluginBroken:
    return PluginBroken(
        f"The plugin {inside.plugin} was running ({inside.hook}) when the process of the plugins"
        f" ended ({cause(end)}).",
        hint="The process is started again by itself. If it happens again the plugin is turned off;"
        " `hob logs` holds its last words.",
        plugin=inside.plugin,
    )


def kept_out(inside: Inside, end: End) -> PluginBroken:
    return PluginBroken(
        f"The plugin {inside.plugin} was turned off, since the process of the plugins ended again"
        f" while it was running ({inside.hook}; {cause(end)}).",
        hint=f"Mend its file, or try it again with `hob plugins reload {inside.plugin}`; `hob logs`"
        " holds its last words.",
        plugin=inside.plugin,
    )


def gone(suspects: tuple[Inside, ...], end: End) -> PluginsUnavailable:
    """For whoever waited for something that another plugin, or none, has brought down."""
    who = f", in the plugin {suspects[0].plugin}" if suspects else ""
    return PluginsUnavailable(
        f"The process of the plugins ended before this was done{who} ({cause(end)}).",
        hint="It is started again by itself: try again in a moment.",
    )


def not_running(end: End, added: Sequence[str] = ()) -> PluginsUnavailable:
    """For everybody, as long as it is not started again. `added` are the plugins that run and did
    not come with Hob: one of them may have ended it on a thread of its own, which no call shows."""
    if end.problem:
        return PluginsUnavailable(
            f"The process of the plugins cannot be started: {end.problem}.",
            hint="`hob doctor` checks the installation.",
        )
    more = ", ..." if len(added) > _MOST_NAMES else ""
    names = f" ({', '.join(added[:_MOST_NAMES])}{more})" if added else ""
    return PluginsUnavailable(
        f"The process of the plugins ended again and again, so it is left to rest ({cause(end)}).",
        hint="`hob logs` holds its last words. `hob plugins disable NAME` turns off the plugin that"
        f" may have done it{names}, and starts it at once; so do `hob plugins reload NAME` and"
        " `hob restart`.",
    )


def turned_off() -> PluginsUnavailable:
    return PluginsUnavailable(
        "Plugins are turned off by the setting plugins.enabled.",
        hint="`hob config set plugins.enabled true` and `hob restart` turn them on.",
    )


def loading() -> PluginsUnavailable:
    return PluginsUnavailable("The plugins are still being loaded.", hint="Try again in a moment.")


def stopping() -> ShuttingDown:
    return ShuttingDown(
        "Hob is stopping, so this was not done or not done to the end.",
        hint="Try again once it has restarted.",
    )


def busy(runs: int) -> Overloaded:
    return Overloaded(
        f"The plugins are already busy with {runs} things and take no more.",
        hint="Try again in a moment.",
        retry_after=1,
    )


def pipe_full() -> Overloaded:
    return Overloaded(
        "The process of the plugins does not take what it is told, so this was not begun.",
        hint="If it hangs it is ended and started again by itself: try again in a moment.",
        retry_after=5,
    )


def out_of_turn() -> ProtocolError:
    return ProtocolError(
        "The process of the plugins replied something that was not asked for.",
        hint="Restart Hob with `hob restart`.",
    )


def no_reply(what: str, seconds: float) -> PluginsUnavailable:
    return PluginsUnavailable(
        f"The process of the plugins did not {what} within {seconds:g} s.",
        hint="If it hangs it is ended and started again by itself; `hob logs` shows it.",
    )


def too_much_text(plugin: str, chars: int) -> PluginBroken:
    return PluginBroken(
        f"The plugin {plugin} made more than {chars} characters of text, so it was stopped.",
        hint=f"`hob plugins disable {plugin}` turns it off.",
        plugin=plugin,
    )


def bad_rewrite(plugin: str, why: str) -> PluginBroken:
    return PluginBroken(
        f"The plugin {plugin} rewrote a request into one that is not valid, so it ran as it was"
        f" sent: {why}",
        hint=f"`hob plugins disable {plugin}` turns the plugin off.",
        plugin=plugin,
    )


def action_not_found(name: str, names: Iterable[str]) -> ActionNotFound:
    return ActionNotFound(
        f"There is no action {name!r}.", hint=_meant(name, names, "action list"), param="action"
    )


def tool_not_found(name: str, names: Iterable[str]) -> ToolNotFound:
    return ToolNotFound(
        f"There is no tool {name!r}.", hint=_meant(name, names, "plugins"), param="tool"
    )


def plugin_not_found(name: str, names: Iterable[str]) -> PluginNotFound:
    return PluginNotFound(
        f"There is no plugin {name!r}.", hint=_meant(name, names, "plugins"), param="plugin"
    )


def _meant(name: str, names: Iterable[str], command: str) -> str:
    if close := get_close_matches(name, list(names), n=1):
        return f"Did you mean {close[0]}?"
    return f"`hob {command}` lists what there is."
