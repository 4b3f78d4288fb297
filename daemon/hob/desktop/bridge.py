"""The way to the daemon: what is known of it, and what is asked of it. Never waits on the GUI
thread."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from hob.client import Client
from hob.desktop.asking import Asker
from hob.desktop.following import Follower
from hob.desktop.posting import Poster
from hob.desktop.view import DaemonView
from hob.desktop.view_changes import ALL_PARTS, Answers, after, away, merged
from hob.desktop.workers import Workers
from hob.errors import HobError
from hob.paths import Paths
from hob.wire.base import ErrorInfo
from hob.wire.events import DaemonStopping, Event
from hob.wire.status import Status

T = TypeVar("T")

_log = logging.getLogger("hob.desktop")


class DaemonBridge:
    """A parts.Bridge; made and used on the GUI thread, but for `post` and `client`.

    `failed` is told of errors that nobody else is told. `stopping` says that the daemon has said
    that it stops, and holds until the next one answers.
    """

    def __init__(self, paths: Paths, failed: Callable[[HobError], None]) -> None:
        self._paths = paths
        self._failed = failed
        self._poster = Poster()
        self._workers = Workers("work")
        self._view = DaemonView()
        self._watchers: list[Callable[[DaemonView], None]] = []
        self._asker = Asker(self.client, lambda answers: self.post(lambda: self._answered(answers)))
        self._follower = Follower(
            self.client,
            paths.socket,
            here=lambda: self._asker.want(ALL_PARTS),
            told=lambda fact: self.post(lambda: self._told(fact)),
            away=lambda error: self.post(lambda: self._away(error)),
        )
        self._starting = False
        self.stopping = False

    def start(self) -> None:
        """Begin to follow the daemon."""
        self._asker.start()
        self._follower.start()

    def stop(self) -> None:
        """Tell nothing more: the desktop ends."""
        self._follower.stop()
        self._watchers.clear()

    # ---- parts.Bridge ----

    @property
    def view(self) -> DaemonView:
        return self._view

    def watch(self, told: Callable[[DaemonView], None]) -> None:
        """Call `told` now and after every change."""
        self._watchers.append(told)
        told(self._view)

    def client(self) -> Client:
        """A client for one thread."""
        return Client(self._paths.socket)

    def run(
        self,
        work: Callable[[Client], T],
        done: Callable[[T], None] | None = None,
        failed: Callable[[HobError], None] | None = None,
    ) -> None:
        """Do `work` on another thread, then `done` or `failed` on the GUI's."""

        def do() -> None:
            try:
                with self.client() as client:
                    result = work(client)
            except HobError as error:
                reason = error
            except Exception as error:
                _log.exception("work of the desktop has failed")
                reason = HobError(
                    f"Hob's desktop failed in a way that nobody foresaw ({type(error).__name__}).",
                    hint="`hob logs` has the details.",
                )
            else:
                if done is not None:
                    self.post(lambda: done(result))
                return
            self.post(lambda: (failed or self._failed)(reason))

        self._workers.do(do)

    def post(self, call: Callable[[], None]) -> None:
        """Have `call` made on the GUI thread; from any thread."""
        self._poster.post(call)

    def start_daemon(self) -> None:
        """Start the daemon in the background; asked again meanwhile, it is started once."""
        if self._starting:
            return
        self._starting = True
        # Only now, as most desktops never start a daemon.
        from hob.client.starting import start_daemon

        def work(_: Client) -> Status:
            return start_daemon(self._paths, os.environ)

        self.run(work, lambda _: self._started(), self._not_started)

    def refresh(self) -> None:
        """Ask the daemon again."""
        self._follower.hurry()
        self._asker.want(ALL_PARTS)

    # ---- the app's ----

    def attached(self, desktop: str) -> None:
        """This desktop's id has become known, or empty: it is not attached any more."""
        self._change(replace(self._view, desktop=desktop))

    def hotkey_problems(self, problems: tuple[tuple[str, ErrorInfo], ...]) -> None:
        """What is wrong with hotkeys, by action."""
        self._change(replace(self._view, hotkey_problems=problems))

    # ---- what comes from the daemon ----

    def _told(self, fact: Event) -> None:
        if isinstance(fact, DaemonStopping):
            self.stopping = True
        step = after(self._view, fact)
        self._change(step.view)
        if step.ask:
            self._asker.want(step.ask)

    def _answered(self, answers: Answers) -> None:
        if answers.status is not None:
            self.stopping = answers.status.stopping
        self._change(merged(self._view, answers))

    def _away(self, error: HobError) -> None:
        self._change(away(self._view, ErrorInfo.of(error)))

    def _started(self) -> None:
        self._starting = False
        self._follower.hurry()

    def _not_started(self, error: HobError) -> None:
        self._starting = False
        if self._view.phase == "away":
            self._away(error)
        self._failed(error)

    def _change(self, view: DaemonView) -> None:
        if view == self._view:
            return
        self._view = view
        for told in self._watchers:
            try:
                told(view)
            except Exception:
                # One part that fails must not keep the others in the past.
                _log.exception("a part of the desktop could not show what has changed")
