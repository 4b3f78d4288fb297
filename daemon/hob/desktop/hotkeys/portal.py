"""Hotkeys on Wayland, by the desktop's GlobalShortcuts portal (KDE, GNOME 48, Hyprland).

https://flatpak.github.io/xdg-desktop-portal/docs/doc-org.freedesktop.portal.GlobalShortcuts.html
The portal shows the person a dialog and has the last word on the keys. A session binds once, so a
change needs a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import Callable, Sequence

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from hob.desktop.hotkeys.none import by_hand
from hob.desktop.hotkeys.plan import Plan, Post, Wish, plan
from hob.desktop.hotkeys.portal_forms import in_force, shortcuts, triggers
from hob.desktop.hotkeys.presses import Presses
from hob.desktop.hotkeys.program import hob_program
from hob.desktop.launcher import APP_ID, ensure_launcher, launcher_path
from hob.desktop.parts import HotkeysTold, Pressed
from hob.desktop.session_bus import CALL_LIMIT_S, BusRefused, SessionBus, ask, listen, owner_of
from hob.wire.desktop import HotkeyState, HotkeyWay
from hob.wire.plugins import ActionInfo

PORTAL = "org.freedesktop.portal.Desktop"
PATH = "/org/freedesktop/portal/desktop"
SHORTCUTS = "org.freedesktop.portal.GlobalShortcuts"
_REGISTRY = "org.freedesktop.host.portal.Registry"
_REQUEST = "org.freedesktop.portal.Request"
_SESSION = "org.freedesktop.portal.Session"

_ABSENT = "This desktop has no portal for hotkeys (GlobalShortcuts), so Hob cannot hear this one."
_REVOKED = "The desktop has taken Hob's hotkeys back."
_DECLINED = "The desktop's question about Hob's hotkeys was declined, so none of them works."


class _Refused(Exception):
    """The portal said no; the text says what that means."""


class PortalHotkeys:
    """`way` is "none" once it is known that there is no such portal."""

    def __init__(
        self, post: Post, pressed: Pressed, told: HotkeysTold, address: str | None = None
    ) -> None:
        self._post = post
        self._told = told
        self._presses = Presses(post, pressed)
        self._way: HotkeyWay = "portal"
        # From here on: used on the bus's thread alone.
        self._wanted: Plan | None = None
        self._why_lost = ""
        self._session = ""
        self._owner = ""
        self._registering = False
        # What has been asked for and answered, and what that means for a plan with these wishes:
        # the same is not asked for again, because each time the person is asked as well.
        self._settled: tuple[Wish, ...] | None = None
        self._outcome: _Outcome = _nothing
        self._said: tuple[HotkeyState, ...] | None = None
        self._numbers = itertools.count(1)
        self._answers: dict[str, asyncio.Future[tuple[int, dict[str, Variant]]]] = {}
        self._changed = asyncio.Event()
        self._bus = SessionBus("hotkeys", self._serve, self._lost, address)

    @property
    def way(self) -> HotkeyWay:
        return self._way

    def set(self, wanted: Sequence[tuple[ActionInfo, str]]) -> None:
        new = plan(wanted)

        def take() -> None:
            old, self._wanted, self._said = self._wanted, new, None
            if self._why_lost:
                self._say(by_hand(new, self._why_lost), "none")
            elif old is None or new.wishes != old.wishes or new.wishes == self._settled:
                self._changed.set()
            # Otherwise just that is being asked for, and its answer will be told.

        self._bus.soon(take)

    def close(self) -> None:
        """The portal ends the session with the connection."""
        self._bus.close()

    # ---- on the bus's thread ----

    def _say(self, states: tuple[HotkeyState, ...], way: HotkeyWay = "portal") -> None:
        self._way = way
        if states != self._said:
            self._said = states
            self._post(lambda: self._told(states))

    def _lost(self, why: str) -> None:
        self._forget()
        self._why_lost = why
        if self._wanted is not None:
            self._say(by_hand(self._wanted, why), "none")

    def _forget(self) -> None:
        self._session, self._owner, self._settled = "", "", None

    async def _serve(self, bus: MessageBus) -> None:
        self._forget()
        self._why_lost = ""
        bus.add_message_handler(self._heard)
        await listen(bus, f"type='signal',sender='{PORTAL}'")
        await listen(
            bus,
            "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',"
            f"arg0='{PORTAL}'",
        )
        while True:
            self._changed.clear()
            work = asyncio.ensure_future(self._settle(bus, self._wanted))
            # The dialog may stay open for long; what is wanted then may be something else.
            change = asyncio.ensure_future(self._changed.wait())
            try:
                await change
            finally:
                for task in (work, change):
                    task.cancel()
                await asyncio.gather(work, change, return_exceptions=True)

    async def _settle(self, bus: MessageBus, wanted: Plan | None) -> None:
        """Have the portal hold exactly what is wanted, and say how it went."""
        if wanted is None:
            return
        if wanted.wishes != self._settled:
            await self._end_session(bus)
            self._outcome = await self._asked_for(bus, wanted) if wanted.wishes else _nothing
            self._settled = wanted.wishes
        self._say(*self._outcome(self._wanted or wanted))

    async def _asked_for(self, bus: MessageBus, wanted: Plan) -> _Outcome:
        try:
            await self._register(bus)
            self._session = await self._open_session(bus)
            return _given(await self._bind(bus, self._session, wanted))
        except BusRefused as error:
            await self._end_session(bus)
            if error.absent:
                return _none(_ABSENT)
            return _none(f"The desktop's portal refuses Hob hotkeys: {error or error.name}.")
        except _Refused as error:
            await self._end_session(bus)
            return _refused(str(error))

    async def _register(self, bus: MessageBus) -> None:
        """Say who we are, once for each portal that runs and before anything else; older ones do
        not want to know."""
        if self._owner:
            return
        self._registering = True
        try:
            ensure_launcher(launcher_path(os.environ), hob_program())
            with contextlib.suppress(BusRefused):
                await ask(bus, (PORTAL, PATH, _REGISTRY), "Register", "sa{sv}", [APP_ID, {}])
            self._owner = await owner_of(bus, PORTAL)
        finally:
            self._registering = False

    async def _open_session(self, bus: MessageBus) -> str:
        token = f"hob{next(self._numbers)}"
        options = {"session_handle_token": Variant("s", token)}
        results = await self._request(
            bus, ("CreateSession", "a{sv}"), [], options=options, limit_s=CALL_LIMIT_S
        )
        handle = results.get("session_handle")
        if handle is None or not isinstance(handle.value, str) or not handle.value:
            raise _Refused("The desktop's portal opened no session for hotkeys.")
        return handle.value

    async def _bind(self, bus: MessageBus, session: str, wanted: Plan) -> dict[str, str]:
        body = [session, shortcuts(wanted.wishes), ""]
        # No limit: it answers when the person has.
        results = await self._request(
            bus, ("BindShortcuts", "oa(sa{sv})sa{sv}"), body, options={}, limit_s=None
        )
        listed = results.get("shortcuts")
        return triggers(listed.value if listed is not None else None)

    async def _end_session(self, bus: MessageBus) -> None:
        session, self._session, self._settled = self._session, "", None
        if session:
            with contextlib.suppress(BusRefused):
                await ask(bus, (PORTAL, session, _SESSION), "Close")

    async def _request(
        self,
        bus: MessageBus,
        call: tuple[str, str],
        body: Sequence[object],
        *,
        options: dict[str, Variant],
        limit_s: float | None,
    ) -> dict[str, Variant]:
        """A call (method, signature) whose result comes later, as a signal of an object that is
        its own."""
        token = f"hob{next(self._numbers)}"
        sender = (bus.unique_name or "").lstrip(":").replace(".", "_")
        path = f"{PATH}/request/{sender}/{token}"
        answer: asyncio.Future[tuple[int, dict[str, Variant]]]
        answer = asyncio.get_running_loop().create_future()
        self._answers[path] = answer
        options = {**options, "handle_token": Variant("s", token)}
        try:
            reply = await ask(bus, (PORTAL, PATH, SHORTCUTS), *call, [*body, options])
            # Portals older than 0.9 choose the path themselves.
            if reply.body and isinstance(reply.body[0], str):
                self._answers[reply.body[0]] = answer
            async with asyncio.timeout(limit_s):
                code, results = await answer
        except TimeoutError:
            raise BusRefused("", "no answer") from None
        except asyncio.CancelledError:
            bus.send(Message(destination=PORTAL, path=path, interface=_REQUEST, member="Close"))
            raise
        finally:
            for known in [each for each, waiting in self._answers.items() if waiting is answer]:
                del self._answers[known]
        if code == 1:
            raise _Refused(_DECLINED)
        if code:
            raise _Refused("The desktop's portal could not set Hob's hotkeys up.")
        return results

    def _heard(self, message: Message) -> None:
        if message.message_type is not MessageType.SIGNAL:
            return
        if message.member == "NameOwnerChanged" and message.sender == "org.freedesktop.DBus":
            self._portal_changed(str(message.body[2]))
        elif not self._owner or message.sender != self._owner:
            return
        elif message.member == "Response" and message.signature == "ua{sv}":
            answer = self._answers.get(message.path or "")
            if answer is not None and not answer.done():
                answer.set_result((message.body[0], message.body[1]))
        elif message.member == "Closed" and message.path == self._session:
            # Not asked for again before something changes: the person may have meant it.
            self._session = ""
            self._turned(_refused(_REVOKED))
        elif message.body and message.body[0] == self._session:
            self._session_heard(message)

    def _session_heard(self, message: Message) -> None:
        if message.member == "Activated" and message.signature == "osta{sv}":
            action, options = message.body[1], message.body[3]
            if any(wish.action == action for wish in self._settled or ()):
                token = options.get("activation_token")
                value = token.value if token is not None else ""
                self._presses.press(action, value if isinstance(value, str) else "")
        elif message.member == "ShortcutsChanged":
            self._turned(_given(triggers(message.body[1])))

    def _turned(self, outcome: _Outcome) -> None:
        """What was settled has become something else, without our asking."""
        self._outcome = outcome
        if self._wanted is not None and self._wanted.wishes == self._settled:
            self._say(*outcome(self._wanted))

    def _portal_changed(self, owner: str) -> None:
        """The portal has started again, which knows nothing of us then, or has gone."""
        if self._registering or owner == self._owner:
            return
        if owner:
            self._forget()
            self._changed.set()
        elif self._session:
            self._session = ""
            self._turned(_refused("The desktop's portal for hotkeys has stopped."))


# What a plan comes to.
_Outcome = Callable[[Plan], tuple[tuple[HotkeyState, ...], HotkeyWay]]


def _given(described: dict[str, str]) -> _Outcome:
    return lambda wanted: (in_force(wanted, described), "portal")


def _refused(why: str) -> _Outcome:
    return lambda wanted: (by_hand(wanted, why), "portal")


def _none(why: str) -> _Outcome:
    return lambda wanted: (by_hand(wanted, why), "none")


def _nothing(wanted: Plan) -> tuple[tuple[HotkeyState, ...], HotkeyWay]:
    return wanted.states({}), "portal"
