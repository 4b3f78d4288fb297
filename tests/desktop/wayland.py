"""A Wayland desktop of a test's own: sway without hardware, and a D-Bus session."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

from PIL import Image

from live_daemon import eventually

_CONFIG = """\
output * bg #335566 solid_color
xwayland disable
"""
_BAR = """\
bar {
  position top
  tray_output *
}
"""
# sway and its bar may be another user than the programs, and have to meet them on the bus.
_BUS = """\
<busconfig>
  <type>session</type>
  <listen>ADDRESS</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
  </policy>
</busconfig>
"""
_NOBODY = 65534


class WaylandScreen:
    """One desktop, from `with` to its end. Everything that `spawn` started ends with it. With `bar`
    it has sway's own, whose tray is at its right end."""

    def __init__(self, *, bar: bool = False) -> None:
        self._bar = bar
        self._children: list[subprocess.Popen[bytes]] = []
        self._stack = contextlib.ExitStack()
        self.environ: dict[str, str] = {}

    def __enter__(self) -> WaylandScreen:
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

    def run(self, *argv: str) -> bytes:
        """Run a program on this desktop to its end; what it printed."""
        done = subprocess.run(
            argv,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{argv}: {done.stderr.decode()}"
        return done.stdout

    def type(self, text: str) -> None:
        """Press the keys of a text in the window that has the focus."""
        self.run("wtype", text)

    def windows(self) -> str:
        """What sway knows of its windows, as JSON."""
        socket = next(self.folder.glob("sway-ipc.*.sock"))
        return self.run("swaymsg", "-s", str(socket), "-t", "get_tree").decode()

    def picture(self) -> Image.Image:
        """What is on the screen now."""
        path = self.folder / "picture.png"
        self.run("grim", str(path))
        with Image.open(path) as image:
            return image.convert("RGB")

    def _start(self) -> None:
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="hob-way")))
        self.log = self.folder / "programs.log"
        self.log.touch()
        config = self.folder / "sway.conf"
        config.write_text(_CONFIG + (_BAR if self._bar else ""))
        self.environ = {
            **{name: value for name, value in os.environ.items() if name != "DISPLAY"},
            "HOME": str(self.folder),
            "XDG_RUNTIME_DIR": str(self.folder),
            "XDG_SESSION_TYPE": "wayland",
            "LANG": "C.UTF-8",
        }
        self._start_bus()
        headless = {"WLR_BACKENDS": "headless", "WLR_RENDERER": "pixman"}
        headless["WLR_LIBINPUT_NO_DEVICES"] = "1"
        self.spawn(*self._unprivileged(), "sway", "-c", str(config), environ=headless)
        eventually(lambda: list(self.folder.glob("wayland-?")) and self._answers())

    def _answers(self) -> bool:
        (socket,) = self.folder.glob("wayland-?")
        self.environ["WAYLAND_DISPLAY"] = socket.name
        return bool(list(self.folder.glob("sway-ipc.*.sock"))) and b"HEADLESS" in self.run(
            "swaymsg", "-s", str(next(self.folder.glob("sway-ipc.*.sock"))), "-t", "get_outputs"
        )

    def _unprivileged(self) -> tuple[str, ...]:
        """sway does not run as root, which a container's user may be."""
        if os.geteuid() != 0:
            return ()
        shutil.chown(self.folder, _NOBODY, _NOBODY)
        ids = f"--reuid={_NOBODY}", f"--regid={_NOBODY}"
        return ("setpriv", *ids, "--clear-groups")

    def _start_bus(self) -> None:
        address = f"unix:path={self.folder / 'bus'}"
        self.environ["DBUS_SESSION_BUS_ADDRESS"] = address
        config = self.folder / "bus.conf"
        config.write_text(_BUS.replace("ADDRESS", address))
        self.spawn("dbus-daemon", f"--config-file={config}", "--nofork")
        eventually((self.folder / "bus").exists)

    def _end(self) -> None:
        for child in reversed(self._children):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, 9)
            child.wait()
        self._children.clear()
        self._stack.close()
