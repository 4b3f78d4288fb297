"""A desktop of a test's own: an X server without hardware, a D-Bus session, a window manager, a
panel with a tray, and a server of notices. All of them are the real programs."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from PIL import Image

PANEL_HEIGHT = 32
_TESTS = Path(__file__).parents[1]
_LIMIT_S = 30.0
# What a test must not inherit from the desktop it is started on.
_FOREIGN = (
    *("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "SESSION_MANAGER", "XDG_CURRENT_DESKTOP"),
    # Set by tests that have Qt in their own process.
    "QT_QPA_PLATFORM",
)

# One panel at the top, with the tray alone in it, at its left end.
_PANEL = f"""<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="dark-mode" type="bool" value="DARK"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="length" type="uint" value="100"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="size" type="uint" value="{PANEL_HEIGHT}"/>
      <property name="icon-size" type="uint" value="22"/>
      <property name="plugin-ids" type="array"><value type="int" value="1"/></property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="systray">
      <property name="square-icons" type="bool" value="true"/>
    </property>
  </property>
</channel>
"""


class Screen:
    """One desktop, from `with` to its end. Everything that `spawn` started ends with it."""

    def __init__(
        self,
        *,
        panel: bool = True,
        notices: bool = True,
        size: tuple[int, int] = (1280, 800),
        dark: bool = False,
    ) -> None:
        self._panel = panel
        self._notices = notices
        self._size = size
        self._dark = dark
        self._children: list[subprocess.Popen[bytes]] = []
        self._stack = contextlib.ExitStack()
        self.environ: dict[str, str] = {}
        self.display = ""

    def __enter__(self) -> Screen:
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    # ---- what tests do ----

    def spawn(self, *argv: str, environ: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start a program on this desktop; what it prints goes to `log`."""
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                argv,
                env={**self.environ, **(environ or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._children.append(child)
        return child

    def run(self, *argv: str, input: str | bytes | None = None, limit_s: float = 60) -> str:
        """Run a program on this desktop to its end; what it printed. Raises when it failed."""
        data = input.encode() if isinstance(input, str) else input
        done = subprocess.run(
            argv,
            env=self.environ,
            input=data,
            stdin=subprocess.DEVNULL if data is None else None,
            capture_output=True,
            timeout=limit_s,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"{argv} ended with {done.returncode}: {done.stderr.decode()}")
        return done.stdout.decode()

    def xdotool(self, *args: object) -> str:
        """Keys, clicks and windows, as xdotool does them."""
        return self.run("xdotool", *map(str, args)).strip()

    def windows(self, name: str) -> list[str]:
        """The ids of the visible windows whose title matches the regular expression."""
        done = subprocess.run(
            ["xdotool", "search", "--onlyvisible", "--name", name],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout.split()

    def window(self, name: str, limit_s: float = _LIMIT_S) -> str:
        """Wait for a visible window whose title matches; its id."""
        found: list[str] = []

        def look() -> bool:
            found[:] = self.windows(name)
            return bool(found)

        self.eventually(look, limit_s, f"a window named {name}")
        return found[0]

    def active_window(self) -> str:
        """The title of the window that has the focus."""
        with contextlib.suppress(AssertionError):
            return self.xdotool("getactivewindow", "getwindowname")
        return ""

    def picture(self) -> Image.Image:
        """What is on the screen now."""
        done = subprocess.run(
            ["import", "-silent", "-window", "root", "png:-"],
            env=self.environ,
            capture_output=True,
            timeout=60,
            check=True,
        )
        with tempfile.TemporaryFile() as file:
            file.write(done.stdout)
            file.seek(0)
            image = Image.open(file)
            image.load()
        return image.convert("RGB")

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.picture().save(path)

    def eventually(
        self, check: Callable[[], object], limit_s: float = _LIMIT_S, what: str = ""
    ) -> None:
        """Wait until `check` is true; fail with what the programs have said when it is not."""
        end = time.monotonic() + limit_s
        pause = threading.Event()
        while not check():
            if time.monotonic() > end:
                said = self.log.read_text(errors="replace")[-4000:]
                raise AssertionError(
                    f"waited {limit_s} s for {what or check}; said so far:\n{said}"
                )
            pause.wait(0.03)

    @property
    def server(self) -> subprocess.Popen[bytes]:
        """The X server, to be killed."""
        return self._children[0]

    # ---- its life ----

    def _start(self) -> None:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="hob-screen")))
        self.folder = folder
        self.log = folder / "programs.log"
        self.log.touch()
        self._prepare(folder)
        self._start_server()
        self._start_bus()
        self.spawn("openbox", "--sm-disable")
        self.eventually(lambda: self._root_has("_NET_SUPPORTING_WM_CHECK"), what="openbox")
        self.run("xsetroot", "-solid", "#20343c" if self._dark else "#7fa0a8")
        if self._notices:
            self.spawn("dunst", "-conf", os.devnull)
            self.eventually(lambda: self.owns("org.freedesktop.Notifications"), what="dunst")
        if self._panel:
            self.spawn("xfce4-panel", "--sm-client-disable")
            self.window("xfce4-panel")
            self.eventually(
                lambda: self.owns("org.kde.StatusNotifierWatcher"), what="the panel's tray"
            )

    def _prepare(self, folder: Path) -> None:
        places = {
            "HOME": "home",
            "XDG_CONFIG_HOME": "home/.config",
            "XDG_DATA_HOME": "home/.local/share",
            "XDG_STATE_HOME": "home/.local/state",
            "XDG_CACHE_HOME": "home/.cache",
            "XDG_RUNTIME_DIR": "run",
        }
        environ = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
        for name, place in places.items():
            (folder / place).mkdir(parents=True, exist_ok=True, mode=0o700)
            environ[name] = str(folder / place)
        environ |= {"XDG_SESSION_TYPE": "x11", "NO_AT_BRIDGE": "0", "LANG": "C.UTF-8"}
        # Programs of a test's own find what tests share, as the tests themselves do.
        inherited = environ.get("PYTHONPATH")
        environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_TESTS), inherited)))
        # GTK's programs would write their settings through a daemon that is not there.
        environ["GSETTINGS_BACKEND"] = "memory"
        if self._dark:
            environ["GTK_THEME"] = "Adwaita:dark"
        self.environ = environ
        panel = folder / "home/.config/xfce4/xfconf/xfce-perchannel-xml/xfce4-panel.xml"
        panel.parent.mkdir(parents=True)
        panel.write_text(_PANEL.replace("DARK", str(self._dark).lower()))

    def _start_server(self) -> None:
        reader, writer = os.pipe()
        width, height = self._size
        with self.log.open("ab") as log:
            self._children.append(
                subprocess.Popen(
                    [
                        *("Xvfb", "-displayfd", str(writer), "-nolisten", "tcp"),
                        *("-screen", "0", f"{width}x{height}x24", "-noreset"),
                    ],
                    env=self.environ,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(writer,),
                    start_new_session=True,
                )
            )
        os.close(writer)
        with os.fdopen(reader) as told:
            self.display = f":{told.readline().strip()}"
        assert self.display != ":", self.log.read_text()
        self.environ["DISPLAY"] = self.display

    def _start_bus(self) -> None:
        address = f"unix:path={self.folder / 'run/bus'}"
        self.environ["DBUS_SESSION_BUS_ADDRESS"] = address
        bus = self.spawn("dbus-daemon", "--session", "--nofork", f"--address={address}")
        self.eventually(lambda: (self.folder / "run/bus").exists() or bus.poll(), what="the bus")

    def owns(self, name: str) -> bool:
        """Whether somebody has that name on the session's bus."""
        said = self.run(
            *("dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus"),
            *("/org/freedesktop/DBus", "org.freedesktop.DBus.NameHasOwner", f"string:{name}"),
        )
        return "boolean true" in said

    def _root_has(self, name: str) -> bool:
        said = self.run("xprop", "-root", name)
        return re.search(r"not found|no such atom", said) is None

    def _end(self) -> None:
        for child in reversed(self._children):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, 9)
            child.wait()
        self._children.clear()
        self._stack.close()
