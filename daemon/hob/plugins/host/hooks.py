"""Whether what a plugin implements are hooks that there are. Pure."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from difflib import get_close_matches

from hob.plugins import hookspecs
from hob.plugins.host.blame import one_line

_MARK = "hob_impl"


def hook_arguments() -> dict[str, tuple[str, ...]]:
    """Every hook with the arguments that its implementations may take."""
    return {
        name: tuple(inspect.signature(getattr(hookspecs, name)).parameters)
        for name in hookspecs.DEADLINES
    }


def bad_hooks(plugin: object) -> str:
    """What is wrong with the implementations of a plugin; empty when nothing is."""
    known = hook_arguments()
    found = False
    for name in dir(plugin):
        function = getattr(plugin, name, None)
        mark = getattr(function, _MARK, None) if inspect.isroutine(function) else None
        if not isinstance(mark, Mapping):
            continue
        found = True
        hook = str(mark.get("specname") or name)
        if hook not in known:
            return _unknown(hook, known)
        if wrong := _bad_arguments(hook, function, known[hook]):
            return wrong
    return "" if found else "it implements no hook (is @hookimpl missing?)"


def _unknown(hook: str, known: Mapping[str, tuple[str, ...]]) -> str:
    close = get_close_matches(hook, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
    return f"there is no hook {one_line(hook)}: {hint}"


def _bad_arguments(hook: str, function: object, allowed: tuple[str, ...]) -> str:
    assert callable(function)
    named = [
        one.name
        for one in inspect.signature(function).parameters.values()
        if one.default is inspect.Parameter.empty
        and one.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    ]
    strange = [one_line(name) for name in named if name not in allowed]
    if not strange:
        return ""
    may = f"may take {' and '.join(allowed)}" if allowed else "takes no arguments"
    return f"its hook {hook} takes {', '.join(strange)}, but {hook} {may}"
