"""A server of notifications that keeps what it is told, for tests."""

from __future__ import annotations

from dataclasses import dataclass

from dbus_fast import Message

from fakes.bus_service import Answer, BusService

_SERVER = "org.freedesktop.Notifications"
_PATH = "/org/freedesktop/Notifications"


@dataclass
class Shown:
    """One call of Notify."""

    replaces: int
    title: str
    body: str
    actions: list[str]


class NoticeServer:
    def __init__(self, address: str, capabilities: tuple[str, ...] = ("body", "actions")) -> None:
        self.capabilities = capabilities
        self.shown: list[Shown] = []
        self._service = BusService(address, _SERVER, self._answer)

    def stop(self) -> None:
        self._service.stop()

    def press(self, number: int, key: str) -> None:
        """As if the person had pressed a button."""
        self._service.emit(None, _PATH, (_SERVER, "ActionInvoked"), "us", [number, key])

    def close(self, number: int) -> None:
        self._service.emit(None, _PATH, (_SERVER, "NotificationClosed"), "uu", [number, 2])

    def _answer(self, message: Message) -> Answer | None:
        if message.member == "GetCapabilities":
            return "as", [list(self.capabilities)]
        _, replaces, _, title, body, actions, _, _ = message.body
        self.shown.append(Shown(replaces, title, body, actions))
        return "u", [replaces or len(self.shown)]
