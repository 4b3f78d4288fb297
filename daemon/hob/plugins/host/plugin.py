"""One plugin: from the file or package to what it has registered."""

from __future__ import annotations

import dataclasses
import inspect
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import pluggy

from hob.errors import HobError, PluginBroken
from hob.plugins import hookspecs
from hob.plugins.host.blame import broken, one_line
from hob.plugins.host.calls import Calls
from hob.plugins.host.context import PluginContext
from hob.plugins.host.found import Candidate
from hob.plugins.host.hooks import bad_hooks
from hob.plugins.host.infos import action_info, bad_action, bad_name, bad_tool, tool_info
from hob.plugins.host.schema import checked, effective, shown
from hob.plugins.values import Action, Setting, Tool
from hob.wire.base import ErrorInfo
from hob.wire.plugins import (
    CommandInfo,
    PluginInfo,
    PluginSetting,
    PluginState,
    SettingValue,
)

if TYPE_CHECKING:
    import click

T = TypeVar("T")

IMPORT_LIMIT_S = 20.0
# So many failures within this time, and a plugin is turned off.
FAILURES, WITHIN_S = 3, 600.0
_MOST = 100  # actions, tools, commands or settings of one plugin
_HELP_CHARS, _PROMPT_CHARS = 500, 100_000
_REGISTERED_BYTES = 2**19


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
        # Another one has its name.
        self.second = False
        self.context = context(self)

    @property
    def on(self) -> bool:
        return self.state == "on"

    def be_second(self, problem: HobError) -> None:
        """Another one was found first that has its name, so it is not loaded."""
        self.second, self.state, self.problem = True, "failed", problem

    def load(self, given: Mapping[str, object]) -> None:
        """Import it and have it register; on failure its state is `failed`, and `problem` why."""
        self.state, self.problem, self.warning = "loading", self.candidate.problem, None
        self._failures.clear()
        try:
            if self.candidate.problem is not None:
                raise self.candidate.problem
            self._manager = self._calls.call(self.name, "import", self._import, IMPORT_LIMIT_S)
            settings = self._registered("register_settings", Setting, self._check_setting)
            # What is too much must not be listed either, and settings of a failed plugin are.
            self._check_size([shown(setting, setting.default) for setting in settings])
            self.settings = settings
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
        commands = self._commands()
        actions = self._registered("register_actions", Action, bad_action, context=context)
        tools = self._registered("register_tools", Tool, bad_tool, context=context)
        prompts = self._registered("warm_prompts", str, self._check_prompt, context=context)
        self._check_size(
            [
                *(action_info("", action, "") for action in actions),
                *(tool_info("", tool) for tool in tools),
                *commands,
                *prompts,
                *(shown(setting, setting.default) for setting in self.settings),
            ]
        )
        self.commands, self.warm_prompts = commands, tuple(prompts)
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

    def set_values(self, given: Mapping[str, object]) -> bool:
        """Take over what is set; true when that changes anything."""
        before = self.values
        self.values, self.warning = effective(self.name, self.settings, given)
        return self.values != before

    def call(
        self, hook: str, take: Callable[[list[Any]], T] | None = None, **arguments: object
    ) -> T | None:
        """Call a hook, and have `take` make something of what its implementations return, both
        within the hook's time. None where the plugin has no such hook. Raises HobError."""
        manager = self._manager
        if manager is None or hook not in self.hooks:
            return None
        caller = getattr(manager.hook, hook)

        def work() -> T | None:
            made = [self._finished(one) for one in caller(**arguments)]
            return take(made) if take else None

        limit_s = hookspecs.DEADLINES[hook]
        return self._calls.call(self.name, hook, work, limit_s, self.context.waits.close)

    def _finished(self, made: Any) -> Any:
        """A hook may be a coroutine function."""
        return self.context.waits.finish(made) if inspect.isawaitable(made) else made

    def failed(self) -> bool:
        """Note a failure; true when it was one too many."""
        now = time.monotonic()
        self._failures.append(now)
        return len(self._failures) == FAILURES and now - self._failures[0] < WITHIN_S

    def info(self, *, enabled: bool, conflict: HobError | None = None) -> PluginInfo:
        """`conflict` is what it has to go without, because another plugin was first."""
        problem = self.problem or self.warning or conflict
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
        if wrong := bad_hooks(module):
            raise broken(self.name, "its hooks", wrong)
        manager = pluggy.PluginManager("hob")
        manager.add_hookspecs(hookspecs)
        try:
            manager.register(module, self.name)
            manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise broken(self.name, "its hooks", one_line(str(error))) from error
        self.hooks = tuple(sorted(c.name for c in manager.get_hookcallers(module) or ()))
        words = getattr(module, "__doc__", None)
        self.title = one_line(words.strip().split("\n")[0]) if isinstance(words, str) else ""
        return manager

    def _drop(self) -> None:
        self._manager = None
        self.actions, self.tools, self.commands = [], [], []
        self.warm_prompts = ()
        self.candidate.forget()

    def _registered(
        self, hook: str, kind: type[T], check: Callable[[T], str], **arguments: object
    ) -> list[T]:
        """What a hook registers, flat and checked: `check` says what is wrong with one. All on the
        plugin's thread: what it returns may be of classes of its own."""

        def take(results: list[Any]) -> list[T]:
            listed = [one for result in results for one in self._listed(hook, result)]
            if len(listed) > _MOST:
                raise broken(self.name, hook, f"{len(listed)} are too many; {_MOST} are allowed")
            return [self._one(hook, kind, check, one) for one in listed]

        return self.call(hook, take, **arguments) or []

    def _one(self, hook: str, kind: type[T], check: Callable[[T], str], one: object) -> T:
        if not isinstance(one, kind):
            kinds = f"{kind.__name__} is expected, not {type(one).__name__}"
            raise broken(self.name, hook, kinds)
        if dataclasses.is_dataclass(kind):
            # Of a class of the plugin's own, only what is ours is kept.
            names = [field.name for field in dataclasses.fields(kind)]
            one = kind(**{name: getattr(one, name) for name in names})
        if wrong := check(one):
            raise broken(self.name, hook, wrong)
        return one

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
            msgspec.convert(msgspec.to_builtins(shown(setting, setting.default)), PluginSetting)
        except (ValueError, TypeError) as error:
            return f"the setting {setting.name} is wrong: {one_line(str(error))}"
        return ""

    def _check_size(self, told: Sequence[object]) -> None:
        """All of it goes to the daemon in one message, with what the others register: a daemon that
        is told too much at once would end the process, and nobody would know for whom."""
        try:
            size = sum(len(msgspec.json.encode(one)) for one in told)
        except UnicodeEncodeError as error:
            raise broken(self.name, "registering", "it registers text that is no UTF-8") from error
        if size > _REGISTERED_BYTES:
            said = f"all that it registers has more than {_REGISTERED_BYTES} bytes"
            raise broken(self.name, "registering", said)

    def _check_prompt(self, prompt: str) -> str:
        return "" if len(prompt) <= _PROMPT_CHARS else "a prompt is too long"

    def _commands(self) -> list[CommandInfo]:
        if "register_commands" not in self.hooks:
            return []
        import click

        def take(results: list[Any]) -> list[CommandInfo]:
            listed = [one for result in results for one in self._listed(hook, result)]
            return [self._command(self._one(hook, click.Command, check, one)) for one in listed]

        def check(command: click.Command) -> str:
            return bad_name(command.name or "")

        hook = "register_commands"
        return self.call(hook, take) or []

    def _command(self, command: click.Command) -> CommandInfo:
        words = one_line(command.get_short_help_str(_HELP_CHARS))
        return CommandInfo(name=command.name or "", plugin=self.name, help=words)


def taken(plugin: str, what: str, name: str, by: str) -> PluginBroken:
    """A name is wanted twice; the first has it."""
    if plugin == by:
        return PluginBroken(
            f"The plugin {plugin} registers the {what} {name} twice; the first one counts.",
            hint="Rename one of them in the plugin.",
            plugin=plugin,
        )
    return PluginBroken(
        f"The plugin {plugin} wants the {what} {name}, which the plugin {by} has already, so it"
        " goes without.",
        hint=f"Turn off one of them: `hob plugins disable {plugin}`.",
        plugin=plugin,
    )
