"""A desktop's GlobalShortcuts portal, as xdg-desktop-portal speaks it."""

from __future__ import annotations

from typing import Literal

from dbus_fast import Message, Variant

from fakes.bus_service import Answer, BusService

PORTAL = "org.freedesktop.portal.Desktop"
_SHORTCUTS = "org.freedesktop.portal.GlobalShortcuts"
_REQUEST = "org.freedesktop.portal.Request"
_SESSION = "org.freedesktop.portal.Session"


class FakePortal:
    """`person` is how the dialog is answered; `gives` are the keys given by action, where these
    are others than those asked for. `absent` is a portal without this interface."""

    def __init__(
        self,
        address: str,
        person: Literal["accepts", "declines", "waits"] = "accepts",
        gives: dict[str, str] | None = None,
        *,
        absent: bool = False,
    ) -> None:
        self.person = person
        self.gives = gives or {}
        self.absent = absent
        self.registered: list[str] = []
        self.sessions: list[str] = []
        self.closed: list[str] = []
        self.bound: list[dict[str, str]] = []
        self.titles: dict[str, str] = {}
        self._client = ""
        self._service = BusService(address, PORTAL, self._answer)

    def stop(self) -> None:
        self._service.stop()

    def press(self, action: str, token: str = "", session: str = "") -> None:
        options = {"activation_token": Variant("s", token)} if token else {}
        path = session or self.sessions[-1]
        self._shortcuts("Activated", "osta{sv}", [path, action, 1, options])

    def change(self, **keys: str) -> None:
        """The person has given other keys in the desktop's settings."""
        self._shortcuts("ShortcutsChanged", "oa(sa{sv})", [self.sessions[-1], _listed(keys)])

    def revoke(self) -> None:
        self._service.emit(self._client, self.sessions[-1], (_SESSION, "Closed"), "", [])

    def _shortcuts(self, member: str, signature: str, body: list[object]) -> None:
        path = "/org/freedesktop/portal/desktop"
        self._service.emit(self._client, path, (_SHORTCUTS, member), signature, body)

    def _answer(self, message: Message) -> Answer | None:
        if message.member == "Register":
            self.registered.append(message.body[0])
            return "", []
        if message.member == "Close":
            self.closed.append(message.path or "")
            return "", []
        if self.absent:
            return None
        self._client = message.sender or ""
        sender = self._client.lstrip(":").replace(".", "_")
        options = message.body[-1]
        path = f"/org/freedesktop/portal/desktop/request/{sender}/{options['handle_token'].value}"
        if message.member == "CreateSession":
            token = options["session_handle_token"].value
            self.sessions.append(f"/org/freedesktop/portal/desktop/session/{sender}/{token}")
            self._respond(path, 0, {"session_handle": Variant("s", self.sessions[-1])})
        else:
            self._bind(path, message)
        return "o", [path]

    def _bind(self, path: str, message: Message) -> None:
        asked = {each[0]: each[1]["preferred_trigger"].value for each in message.body[1]}
        self.titles = {each[0]: each[1]["description"].value for each in message.body[1]}
        self.bound.append(asked)
        if self.person == "declines":
            self._respond(path, 1, {})
        elif self.person == "accepts":
            given = _listed(asked | self.gives)
            self._respond(path, 0, {"shortcuts": Variant("a(sa{sv})", given)})

    def _respond(self, path: str, code: int, results: dict[str, Variant]) -> None:
        self._service.emit(self._client, path, (_REQUEST, "Response"), "ua{sv}", [code, results])


def _listed(keys: dict[str, str]) -> list[object]:
    return [[name, {"trigger_description": Variant("s", text)}] for name, text in keys.items()]
