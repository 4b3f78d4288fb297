"""Plugins and their actions, as a client reaches them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hob.client.caller import Caller

if TYPE_CHECKING:
    # Imported when they are asked for: most commands never do.
    from hob.client.action_stream import ActionStream
    from hob.wire.plugins import (
        ActionInfo,
        ActionList,
        ActionRequest,
        PluginInfo,
        PluginList,
        ToolList,
    )


class PluginCalls(Caller):
    """The part of `Client` that is about plugins."""

    def actions(self) -> ActionList:
        """What can be triggered, in the order in which it is shown."""
        from hob.wire.plugins import ActionList

        return self._call("GET", "/hob/v1/actions", ActionList)

    def run_action(self, request: ActionRequest) -> ActionStream:
        """Run an action; closing the stream takes it back."""
        from hob.client.action_stream import ActionStream

        return self._stream(ActionStream(self._open("POST", "/hob/v1/actions/run", request)))

    def set_hotkey(self, action: str, hotkey: str | None) -> ActionInfo:
        """Give an action a hotkey; empty for none, None for its default."""
        from hob.wire.plugins import ActionInfo, HotkeyRequest

        wanted = HotkeyRequest(action=action, hotkey=hotkey)
        return self._call("POST", "/hob/v1/actions/hotkey", ActionInfo, wanted, waits=True)

    def plugins(self) -> PluginList:
        from hob.wire.plugins import PluginList

        return self._call("GET", "/hob/v1/plugins", PluginList)

    def plugin(self, name: str) -> PluginInfo:
        """All that is known of one plugin."""
        return self._of_plugin("show", name)

    def enable_plugin(self, name: str) -> PluginInfo:
        return self._of_plugin("enable", name)

    def disable_plugin(self, name: str) -> PluginInfo:
        return self._of_plugin("disable", name)

    def reload_plugin(self, name: str) -> PluginInfo:
        """Load it anew, also when it was turned off because it kept failing."""
        return self._of_plugin("reload", name)

    def set_plugin(self, name: str, setting: str, value: str | None) -> PluginInfo:
        """Set one setting, as a person writes it; None goes back to its default."""
        from hob.wire.plugins import PluginInfo, PluginSet

        wanted = PluginSet(plugin=name, setting=setting, value=value)
        return self._call("POST", "/hob/v1/plugins/set", PluginInfo, wanted, waits=True)

    def tools(self) -> ToolList:
        """What models may call."""
        from hob.wire.plugins import ToolList

        return self._call("GET", "/hob/v1/tools", ToolList)

    def _of_plugin(self, verb: str, name: str) -> PluginInfo:
        from hob.wire.plugins import PluginInfo, PluginRef

        target = f"/hob/v1/plugins/{verb}"
        return self._call("POST", target, PluginInfo, PluginRef(plugin=name), waits=True)
