"""What the plugins offer, as the last catalogue told it, and which of them are kept out. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from hob.companions import plugin_words
from hob.errors import HobError
from hob.wire.base import ErrorInfo
from hob.wire.plugin_host import Catalogue
from hob.wire.plugins import ActionInfo, PluginInfo, PluginList, ToolInfo


class Shelf:
    """`problem` is what keeps every plugin from running. The last catalogue stays while the process
    starts anew, so that menus do not empty and fill again."""

    def __init__(self, folder: str, settings_file: str) -> None:
        self.catalogue = Catalogue(plugins=())
        self.without: dict[str, ErrorInfo] = {}
        self.problem: HobError | None = None
        self._folder = folder
        self._settings_file = settings_file
        self._loaded = False

    def take(self, catalogue: Catalogue) -> bool:
        """Whether it says something new. A plugin that was kept out and was loaded again is
        forgiven: its file has changed, or somebody has turned it on."""
        for info in catalogue.plugins:
            if info.name in self.without and info.state in ("on", "failed"):
                del self.without[info.name]
        news = not self._loaded or self.problem is not None or catalogue != self.catalogue
        self.catalogue, self.problem, self._loaded = catalogue, None, True
        return news

    def keep_out(self, name: str, why: ErrorInfo) -> None:
        self.without[name] = why

    def let_in(self, name: str) -> None:
        self.without.pop(name, None)

    def listing(self) -> PluginList:
        problem = self._why_none()
        return PluginList(
            plugins=tuple(map(self._shown, self.catalogue.plugins)),
            folder=self._folder,
            settings_file=self._settings_file,
            problem=ErrorInfo.of(problem) if problem else None,
        )

    def plugin(self, name: str) -> PluginInfo:
        """Raises PluginNotFound, or whatever keeps every plugin from running."""
        for info in self.catalogue.plugins:
            if info.name == name:
                return self._shown(info)
        if (problem := self._why_none()) is not None and not self.catalogue.plugins:
            raise problem
        raise plugin_words.plugin_not_found(name, [info.name for info in self.catalogue.plugins])

    def added(self) -> list[str]:
        """The plugins that run and did not come with Hob, by name."""
        shown = map(self._shown, self.catalogue.plugins)
        return [info.name for info in shown if info.state == "on" and info.source != "built-in"]

    def action(self, name: str) -> ActionInfo:
        """Raises ActionNotFound."""
        for info in self.catalogue.actions:
            if info.name == name:
                return info
        raise plugin_words.action_not_found(name, [info.name for info in self.catalogue.actions])

    def tool(self, name: str) -> ToolInfo:
        """Raises ToolNotFound."""
        for info in self.catalogue.tools:
            if info.name == name:
                return info
        raise plugin_words.tool_not_found(name, [info.name for info in self.catalogue.tools])

    def _why_none(self) -> HobError | None:
        if self.problem is None and not self._loaded:
            return plugin_words.loading()
        return self.problem

    def _shown(self, info: PluginInfo) -> PluginInfo:
        why = self.without.get(info.name)
        if why is not None and info.state == "on":  # told before it was kept out
            return replace(info, state="suspended", problem=why)
        return info
