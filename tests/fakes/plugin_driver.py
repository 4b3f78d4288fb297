"""The daemon's side of the plugins' process, for tests: starts it, speaks with it, waits."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from hob.wire.base import ErrorInfo
from hob.wire.frames import FrameReader, encode_frame
from hob.wire.plugin_host import (
    MAX_FROM_HOST_BYTES,
    PROTOCOL,
    Begin,
    CallTool,
    Catalogue,
    Entered,
    FromHostMessage,
    Left,
    Manage,
    Managed,
    ManageVerb,
    Rewrite,
    Rewritten,
    RunAction,
    RunEvent,
    ToHostMessage,
    ToolResult,
    from_host_decoder,
)
from hob.wire.plugins import (
    ActionEvent,
    ActionFailed,
    ActionFinished,
    ActionRequest,
    ActionText,
    PluginInfo,
)

T = TypeVar("T", bound=FromHostMessage)
LIMIT_S = 60.0


class Driver:
    """One life of the process; `home` holds the plugins folder, the settings and the storage."""

    def __init__(
        self, home: Path, *, socket: Path | None = None, without: dict[str, ErrorInfo] | None = None
    ) -> None:
        self.folder = home / "plugins"
        self.folder.mkdir(exist_ok=True)
        self.settings_file = home / "plugins.toml"
        self._begin = Begin(
            protocol=PROTOCOL,
            socket=str(socket or home / "nobody.sock"),
            folder=str(self.folder),
            settings_file=str(self.settings_file),
            storage=str(home / "storage"),
            without=without or {},
        )
        self.heard: list[FromHostMessage] = []
        self._some = threading.Condition()
        self._number = 0
        self._log = (home / "host.log").open("ab")
        self.log = home / "host.log"

    def __enter__(self) -> Driver:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "hob.plugins.host"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=os.environ,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.send(self._begin)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self._reader.join(LIMIT_S)
        self.process.stdout.close()
        self._log.close()

    def send(self, message: ToHostMessage) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(encode_frame(message))
        self.process.stdin.flush()

    def wait(self, kind: type[T], check: Callable[[T], object] = bool) -> T:
        """The first message of that kind that fits, of those heard and those to come."""
        end = time.monotonic() + LIMIT_S
        with self._some:
            while True:
                for message in self.heard:
                    if isinstance(message, kind) and check(message):
                        return message
                left = end - time.monotonic()
                assert left > 0, f"no {kind.__name__}; heard {self.heard[-5:]}"
                assert self._some.wait(left) or left < 1, "the process says nothing"

    def catalogue(self, check: Callable[[Catalogue], object] = bool) -> Catalogue:
        """The newest one, once one fits."""
        self.wait(Catalogue, check)
        with self._some:
            fitting = [m for m in self.heard if isinstance(m, Catalogue) and check(m)]
        return fitting[-1]

    def plugin(self, name: str, *states: str) -> PluginInfo:
        """What is told of a plugin, once it is in one of the states."""

        def found(catalogue: Catalogue) -> PluginInfo | None:
            for info in catalogue.plugins:
                if info.name == name and (not states or info.state in states):
                    return info
            return None

        info = found(self.catalogue(found))
        assert info is not None
        return info

    def write(self, name: str, code: str) -> None:
        """Put a plugin into the folder, whole at once."""
        new = self.folder.parent / f"{name}.new"
        new.write_text(code)
        new.replace(self.folder / name)

    def forget(self) -> None:
        """Let `wait` see only what comes from now on."""
        with self._some:
            self.heard.clear()

    def run(self, action: str, **request: str) -> list[ActionEvent]:
        """Run an action to its end; its events."""
        id = self.start(action, **request)
        return self.finished(id)

    def finished(self, id: str) -> list[ActionEvent]:
        """The events of a run, once it has ended."""
        self.wait_event(id, lambda event: isinstance(event, _ENDS))
        return self.events(id)

    def wait_event(self, id: str, check: Callable[[ActionEvent], object]) -> None:
        self.wait(RunEvent, lambda m: m.id == id and check(m.event))

    def eventually(self, check: Callable[[], object]) -> None:
        """Ask again until it is so; each asking waits for the process by itself."""
        end = time.monotonic() + LIMIT_S
        while not check():
            assert time.monotonic() < end, "it never came to be so"

    def start(self, action: str, **request: str) -> str:
        self._number += 1
        id = f"run-{self._number}"
        self.send(RunAction(id=id, request=ActionRequest(action=action, **request)))
        return id

    def events(self, id: str) -> list[ActionEvent]:
        with self._some:
            return [m.event for m in self.heard if isinstance(m, RunEvent) and m.id == id]

    def call_tool(self, tool: str, arguments: str = "{}") -> ToolResult:
        self._number += 1
        id = f"tool-{self._number}"
        self.send(CallTool(id=id, tool=tool, arguments=arguments))
        return self.wait(ToolResult, lambda m: m.id == id)

    def rewrite(self, request: dict[str, Any], asker: str = "") -> Rewritten:
        self._number += 1
        id = f"rewrite-{self._number}"
        self.send(Rewrite(id=id, request=request, asker=asker))
        return self.wait(Rewritten, lambda m: m.id == id)

    def manage(
        self, verb: ManageVerb, name: str, setting: str = "", value: str | None = None
    ) -> ErrorInfo | None:
        self._number += 1
        id = f"manage-{self._number}"
        self.send(Manage(id=id, verb=verb, name=name, setting=setting, value=value))
        return self.wait(Managed, lambda m: m.id == id).error

    def inside(self) -> list[Entered]:
        """Whose code runs, as far as the process has told."""
        with self._some:
            left = {m.number for m in self.heard if isinstance(m, Left)}
            return [m for m in self.heard if isinstance(m, Entered) and m.number not in left]

    def ended(self) -> int:
        """Wait until the process has ended by itself; its exit code."""
        code = self.process.wait(LIMIT_S)
        self._reader.join(LIMIT_S)
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        reader = FrameReader(MAX_FROM_HOST_BYTES)
        while data := os.read(self.process.stdout.fileno(), 2**16):
            messages = [from_host_decoder.decode(body) for body in reader.feed(data)]
            with self._some:
                self.heard += messages
                self._some.notify_all()


_ENDS = (ActionFinished, ActionFailed)


def text_of(events: Iterable[ActionEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, ActionText))


def error_of(events: Iterable[ActionEvent]) -> ErrorInfo:
    (error,) = [event.error for event in events if isinstance(event, ActionFailed)]
    return error
