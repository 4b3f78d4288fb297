"""One plugin: from the file or package to what it has registered."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy

from hob.errors import HobError, PluginBroken
from hob.plugins import hookspecs
from hob.plugins.host.blame import broken, one_line
from hob.plugins.host.calls import Calls
from hob.plugins.host.context import PluginContext
from hob.plugins.host.found import Candidate, forget_module
from hob.plugins.host.infos import bad_action, bad_name, bad_tool
from hob.plugins.host.schema import checked, effective, shown
from hob.plugins.values import Action, Setting, Tool
from hob.wire.base import ErrorInfo
from hob.wire.plugins import (
    CommandInfo,
    PluginInfo,
    PluginState,
    SettingValue,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")

IMPORT_LIMIT_S = 20.0
# So many failures within this time, and a plugin is turned off.
FAILURES, WITHIN_S = 3, 600.0
_MOST = 100  # actions, tools, commands or settings of one plugin
_HELP_CHARS, _PROMPT_CHARS = 500, 100_000


class Plugin:
    """What the host keeps of one plugin. Belongs to the host's own thread; what runs elsewhere
    gets the values that stand here at the time."""

    def __init__(
        self,
        candidate: Candidate,
        calls: Calls,
        context: Callable[[Plugin], PluginContext],
    ) -> None:
        self.candidate = candidate
        self.name = candidate.name
        self.state: PluginState = "off"
        self.problem: HobError | None = None
        # What is wrong and does not keep it from running.
        self.warning: HobError | None = None
        self.title = ""
        self.settings: list[Setting] = []
        self.values: Mapping[str, SettingValue] = {}
        self.actions: list[Action] = []
        self.tools: list[Tool] = []
        self.commands: list[CommandInfo] = []
        self.warm_prompts: tuple[str, ...] = ()
        self.hooks: tuple[str, ...] = ()
        self._calls = calls
        self._manager: pluggy.PluginManager | None = None
        self._failures: deque[float] = deque(maxlen=FAILURES)
        self.context = context(self)

    @property
    def on(self) -> bool:
        return self.state == "on"

    def load(self, given: Mapping[str, object]) -> None:
        """Import it and have it register; on failure its state is `failed`, and `problem` why."""
        self.state, self.problem, self.warning = "loading", self.candidate.problem, None
        self._failures.clear()
        try:
            if self.candidate.problem is not None:
                raise self.candidate.problem
            self._manager = self._calls.call(self.name, "import", self._import, IMPORT_LIMIT_S)
            self.settings = self._registered("register_settings", Setting, self._check_setting)
            self.set_values(given)
            self.register()
            if "start" in self.hooks:
                self.call("start", context=self.context)
        except HobError as error:
            self._drop()
            self.state, self.problem = "failed", error
            return
        self.state = "on"

    def register(self) -> None:
        """Have it register its actions, tools, commands and prompts, in place of what it had.

        Raises HobError, and leaves what was there.
        """
        context = self.context
        actions = self._registered("register_actions", Action, bad_action, context=context)
        tools = self._registered("register_tools", Tool, bad_tool, context=context)
        self.commands = self._commands()
        self.warm_prompts = tuple(
            self._registered("warm_prompts", str, self._check_prompt, context=context)
        )
        self.actions, self.tools = actions, tools

    def unload(self, state: PluginState, problem: HobError | None = None) -> None:
        """Have it stop, and forget its code."""
        if self._manager is not None and "stop" in self.hooks:
            try:
                self.call("stop", context=self.context)
            except HobError as error:
                problem = problem or error
        self._drop()
        self.state, self.problem = state, problem

    def set_values(self, given: Mapping[str, object]) -> None:
        self.values, self.warning = effective(self.name, self.settings, given)

    def call(self, hook: str, **arguments: object) -> list[Any]:
        """What the implementations of a hook return. Raises HobError."""
        manager = self._manager
        if manager is None or hook not in self.hooks:
            return []
        caller = getattr(manager.hook, hook)
        return self._calls.call(
            self.name, hook, lambda: list(caller(**arguments)), hookspecs.DEADLINES[hook]
        )

    def failed(self) -> bool:
        """Note a failure; true when it was one too many."""
        now = time.monotonic()
        self._failures.append(now)
        return len(self._failures) == FAILURES and now - self._failures[0] < WITHIN_S

    def info(self, *, enabled: bool) -> PluginInfo:
        problem = self.problem or self.warning
        return PluginInfo(
            name=self.name,
            title=self.title,
            version=self.candidate.version,
            source=self.candidate.source,
            path=self.candidate.path,
            enabled=enabled,
            state=self.state,
            problem=ErrorInfo.of(problem) if problem else None,
            hooks=self.hooks,
            actions=tuple(action.name for action in self.actions),
            tools=tuple(tool.name for tool in self.tools),
            commands=tuple(command.name for command in self.commands),
            settings=tuple(shown(s, self.values.get(s.name, s.default)) for s in self.settings),
        )

    # ---- loading, mostly on a thread of the plugin's own ----

    def _import(self) -> pluggy.PluginManager:
        module = self.candidate.load()
        manager = pluggy.PluginManager("hob")
        manager.add_hookspecs(hookspecs)
        try:
            manager.register(module, self.name)
            manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise broken(self.name, "its hooks", one_line(str(error))) from error
        self.hooks = tuple(sorted(c.name for c in manager.get_hookcallers(module) or ()))
        if not self.hooks:
            raise broken(self.name, "import", "it implements no hook (is @hookimpl missing?)")
        self.title = one_line((getattr(module, "__doc__", None) or "").strip().split("\n")[0])
        return manager

    def _drop(self) -> None:
        self._manager = None
        self.actions, self.tools, self.commands = [], [], []
        self.warm_prompts = ()
        if self.candidate.source == "folder":
            forget_module(self.name)

    def _registered(
        self, hook: str, kind: type[T], check: Callable[[T], str], **arguments: object
    ) -> list[T]:
        """What a hook registers, flat and checked: `check` says what is wrong with one."""
        found: list[T] = []
        for result in self.call(hook, **arguments):
            for one in self._listed(hook, result):
                if not isinstance(one, kind):
                    kinds = f"{kind.__name__} is expected, not {type(one).__name__}"
                    raise broken(self.name, hook, kinds)
                if wrong := check(one):
                    raise broken(self.name, hook, wrong)
                found.append(one)
        if len(found) > _MOST:
            raise broken(self.name, hook, f"{len(found)} are too many; {_MOST} are allowed")
        return found

    def _listed(self, hook: str, result: object) -> Sequence[object]:
        if isinstance(result, list | tuple):
            return result
        raise broken(self.name, hook, f"a list is expected, not {type(result).__name__}")

    def _check_setting(self, setting: Setting) -> str:
        if wrong := bad_name(setting.name):
            return wrong
        if setting.name == "enabled":
            return "the setting `enabled` is Hob's own"
        try:
            checked(setting, setting.default)
        except ValueError as error:
            return f"the default of {setting.name} is wrong: {error}"
        return ""

    def _check_prompt(self, prompt: str) -> str:
        return "" if len(prompt) <= _PROMPT_CHARS else "a prompt is too long"

    def _commands(self) -> list[CommandInfo]:
        if "register_commands" not in self.hooks:
            return []
        import click

        commands: Iterable[click.Command] = self._registered(
            "register_commands", click.Command, lambda c: bad_name(c.name or "")
        )
        return [
            CommandInfo(
                name=command.name or "",
                plugin=self.name,
                help=one_line(command.get_short_help_str(_HELP_CHARS)),
            )
            for command in commands
        ]


def taken(plugin: str, what: str, name: str, by: str) -> PluginBroken:
    """Two plugins want the same name; the first has it."""
    return PluginBroken(
        f"The plugin {plugin} wants the {what} {name}, which the plugin {by} has already, so it"
        " goes without.",
        hint=f"Turn off one of them: `hob plugins disable {plugin}`.",
        plugin=plugin,
    )
