"""Being a desktop of the daemon: attaches, and does what is asked over the stream of orders."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from functools import partial

from hob.client import Client
from hob.desktop.parts import Bridge, Parts, Windows
from hob.errors import ActionNotFound, DaemonUnreachable, DesktopRefused, HobError, NotRunning
from hob.wire.base import ErrorInfo
from hob.wire.desktop import (
    AnyOrder,
    Attached,
    Clip,
    DesktopHello,
    Notify,
    Open,
    OrderReply,
    Paste,
    Quit,
    ReadClip,
    Trigger,
    WriteClip,
)

_RETRY_S = 2.0
_AWAY_RETRY_S = 0.2
# The daemon gives a sign of life every 15 s.
_SILENCE_S = 45.0
_log = logging.getLogger("hob.desktop")


class Obedience:
    """Does what orders say, on the GUI thread, and replies to each on another."""

    def __init__(self, parts: Parts, windows: Windows, quit: Callable[[], None]) -> None:
        self._parts = parts
        self._windows = windows
        self._quit = quit

    def obey(self, order: AnyOrder) -> None:
        """Begin to; the reply follows when it is done."""
        done = partial(self._reply, order)
        try:
            self._do(order, done)
        except HobError as error:
            done(error=error)
        except Exception as error:
            _log.exception("an order could not be obeyed")
            done(error=DesktopRefused(f"The desktop failed at it ({type(error).__name__})."))

    def _do(self, order: AnyOrder, done: partial[None]) -> None:
        clipboard = self._parts.clipboard

        def failed(error: HobError) -> None:
            done(error=error)

        match order:
            case Open():
                self._windows.open(order.opens)
                done()
            case Trigger():
                self._trigger(order)
                done()
            case ReadClip():
                read = clipboard.selection if order.source == "selection" else clipboard.read
                read(lambda clip: done(clip=clip), failed)
            case WriteClip():
                clipboard.write(order.text, done, failed)
            case Paste():
                # Noted now: what was noted for a window of ours may be long past.
                clipboard.note_focus()
                clipboard.paste(order.text, done, failed)
            case Notify():
                self._notify(order)
                done()
            case Quit():
                done(then=self._quit)

    def _trigger(self, order: Trigger) -> None:
        actions = self._parts.bridge.view.actions
        action = next((each for each in actions if each.name == order.action), None)
        if action is None:
            raise ActionNotFound(
                f'There is no action "{order.action}".', hint="`hob action` lists them."
            )
        if action.opens is not None:
            self._windows.open(action.opens)
        else:
            self._windows.run_action(action, order.input)

    def _notify(self, order: Notify) -> None:
        show = partial(self._windows.show_text, order.title, order.copy)
        self._parts.notices.show(
            order.title, order.text, copy=order.copy, open=show if order.copy else None
        )

    def _reply(
        self,
        order: AnyOrder,
        *,
        clip: Clip | None = None,
        error: HobError | None = None,
        then: Callable[[], None] = lambda: None,
    ) -> None:
        bridge = self._parts.bridge
        problem = ErrorInfo.of(error) if error else None
        reply = OrderReply(id=order.id, desktop=bridge.view.desktop, clip=clip, error=problem)

        def send(client: Client) -> None:
            try:
                client.reply_order(reply)
            except DaemonUnreachable:
                raise
            except HobError as refused:
                # Such as a picture that is larger than a request may be.
                client.reply_order(
                    OrderReply(id=order.id, desktop=reply.desktop, error=ErrorInfo.of(refused))
                )

        bridge.run(send, lambda _: then(), lambda _: then())


class Attachment:
    """Is attached whenever the daemon is there, from `start` on; `obey` and `attached` are called
    on the GUI thread."""

    def __init__(
        self,
        bridge: Bridge,
        session: str,
        *,
        obey: Callable[[AnyOrder], None],
        attached: Callable[[str], None],
    ) -> None:
        self._bridge = bridge
        self._hello = DesktopHello(session=session, pid=os.getpid())
        self._obey = obey
        self._attached = attached
        self._here = threading.Event()
        self._pause = threading.Event()

    def start(self) -> None:
        self._bridge.watch(
            lambda view: self._here.clear() if view.phase == "away" else self._here.set()
        )
        threading.Thread(target=self._run, name="orders", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._here.wait()
            pause = _RETRY_S
            try:
                self._follow()
            except (NotRunning, DaemonUnreachable):
                # It is seldom away for long.
                pause = _AWAY_RETRY_S
            except HobError as error:
                _log.info("not attached to the daemon: %s", error)
            self._bridge.post(lambda: self._attached(""))
            self._pause.wait(pause)

    def _follow(self) -> None:
        with self._bridge.client() as client:
            for order in client.attach_desktop(self._hello, timeout=_SILENCE_S):
                if isinstance(order, Attached):
                    self._bridge.post(partial(self._attached, order.desktop))
                else:
                    self._bridge.post(partial(self._obey, order))
