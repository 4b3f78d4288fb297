"""Drives the tray's program, and its menu in a panel, as a person would: by eye and pointer."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

import msgspec
from PIL import Image, ImageChops, ImageStat

from desktop.screen import PANEL_HEIGHT, Screen
from desktop.wayland import WaylandScreen
from hob.desktop.tray.icons import draw, step
from hob.desktop.tray.items import Item
from hob.desktop.tray.menu import Local, build
from hob.desktop.view import DaemonView
from hob.paths import find_paths

ICON_PIXELS = 22
_PROGRAM = Path(__file__).with_name("tray_program.py")
_LIMIT_S = 30.0
# The mean difference of a channel; two phases differ by far more.
_ALIKE = 10.0
_AWAY_FROM_ALL = (900, 780)

Box = tuple[int, int, int, int]


class TrayProgram:
    """The tray's process on a screen, from `with` to its end. With `live` it follows the daemon of
    that home."""

    def __init__(
        self,
        screen: Screen | WaylandScreen,
        live: Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._screen = screen
        self._arguments = ["--live"] if live else []
        self.environ = {
            **screen.environ,
            "HOB_HOME": str(live or screen.folder / "hob"),
            **(environ or {}),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        self.did: queue.Queue[list[str]] = queue.Queue()

    def __enter__(self) -> TrayProgram:
        with self._screen.log.open("ab") as log:
            self._child = subprocess.Popen(
                [sys.executable, str(_PROGRAM), *self._arguments],
                env=self.environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            assert pipe is not None
            pipe.close()

    def show(self, view: DaemonView) -> None:
        """Have the daemon look like this, and wait until the tray was told."""
        assert self._child.stdin is not None
        self._child.stdin.write(msgspec.json.encode(view) + b"\n")
        self._child.stdin.flush()
        self.expect("shown")

    def expect(self, name: str) -> list[str]:
        """Wait until the tray has done this; its arguments. What it did before is forgotten."""
        while True:
            what = self.did.get(timeout=_LIMIT_S)
            if what[0] == name:
                return what[1:]

    def expect_view(self, wanted: Callable[[DaemonView], object]) -> DaemonView:
        """Wait until what a live one knows is as wanted."""
        while True:
            view = msgspec.json.decode(self.expect("view")[0], type=DaemonView)
            if wanted(view):
                return view

    def wait(self) -> int:
        """Its exit code, once it has ended by itself."""
        return self._child.wait(_LIMIT_S)

    def items(self, view: DaemonView, *path: str) -> list[Item]:
        """The lines of the menu, or of the submenu that the keys lead to, as they are seen."""
        items = build(view, Local(find_paths(self.environ), "linux", starts_at_login=False))
        for key in path:
            items = next(item.submenu for item in items if item.key == key)
        return [item for item in items if not item.separator]

    def _read(self) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            self.did.put([str(part) for part in json.loads(line)])


def icon_at(screen: Screen, view: DaemonView) -> tuple[int, int] | None:
    """The middle of the icon in the panel, if it looks as it should for this view."""
    panel = screen.picture().crop((0, 0, 2 * PANEL_HEIGHT, PANEL_HEIGHT))
    unlikeness, at = nearest(panel, view, ICON_PIXELS)
    return at if unlikeness < _ALIKE else None


def nearest(panel: Image.Image, view: DaemonView, pixels: int) -> tuple[float, tuple[int, int]]:
    """How little the icon for a view differs from what is in the picture where it differs least,
    and the middle of that place.

    Some panels show a size as it is sent, and some make their own of the largest one.
    """
    progress = step(view.load_fraction) if view.phase == "loading" else 0
    icons = [
        draw(view.phase, size, progress).resize((pixels, pixels), Image.Resampling.BILINEAR)
        for size in (20, 22, 32)
    ]
    return min(
        (
            min(
                _unlikeness(panel.crop((left, top, left + pixels, top + pixels)), icon)
                for icon in icons
            ),
            (left + pixels // 2, top + pixels // 2),
        )
        for left in range(panel.width - pixels)
        for top in range(panel.height - pixels)
    )


def _unlikeness(seen: Image.Image, icon: Image.Image) -> float:
    """How far what is seen is from the icon on the ground that it seems to stand on."""
    ground = Image.new("RGBA", seen.size, seen.getpixel((0, 0)))
    wanted = Image.alpha_composite(ground, icon).convert("RGB")
    return sum(ImageStat.Stat(ImageChops.difference(seen, wanted)).mean) / 3


def wait_for_icon(screen: Screen, view: DaemonView) -> tuple[int, int]:
    found: list[tuple[int, int]] = []

    def look() -> bool:
        if at := icon_at(screen, view):
            found.append(at)
        return bool(found)

    screen.eventually(look, what=f"the icon for {view.phase}")
    return found[0]


class OpenMenu:
    """A menu on the screen, opened by a real right click, and its submenus."""

    def __init__(self, screen: Screen, at: tuple[int, int], lines: int) -> None:
        """Click at the place of the icon, and wait until as many lines are seen."""
        self._screen = screen
        screen.xdotool("mousemove", *_AWAY_FROM_ALL)
        before = screen.picture()
        screen.xdotool("mousemove", *at, "click", 3)
        # Beyond the panel, whose own look changes under the pointer.
        self._box, self._rows = self._appears(before, (0, PANEL_HEIGHT + 1), lines)

    def enter(self, row: int, lines: int) -> None:
        """Open the submenu of a line."""
        before = self._screen.picture()
        right = self._box[2]
        self._point(row)
        self._screen.xdotool("click", 1)
        self._box, self._rows = self._appears(before, (right, 0), lines)

    def choose(self, row: int) -> None:
        self._point(row)
        self._screen.xdotool("click", 1)

    def picture(self) -> Image.Image:
        """The menu opened last, where it was when it was opened."""
        return self._screen.picture().crop(self._box)

    def follow(self, before: Image.Image) -> None:
        """Wait until the open menu is another one than in the picture, and has come to rest."""
        last = before

        def look() -> bool:
            nonlocal last
            now = self.picture()
            rests = now.tobytes() == last.tobytes() != before.tobytes()
            last = now
            return rests

        self._screen.eventually(look, what="the open menu to change")
        self._rows = [self._box[1] + row for row in rows_of(last)]

    def _point(self, row: int) -> None:
        self._screen.xdotool("mousemove", self._box[0] + 60, self._rows[row])

    def _appears(
        self, before: Image.Image, beyond: tuple[int, int], lines: int
    ) -> tuple[Box, list[int]]:
        """Where something new with that many lines of text is."""
        found: list[tuple[Box, list[int]]] = []

        def look() -> bool:
            now = self._screen.picture()
            area = (*beyond, now.width, now.height)
            difference = ImageChops.difference(before.crop(area), now.crop(area))
            if (box := difference.getbbox()) is None:
                return False
            x, y = beyond
            placed = (box[0] + x, box[1] + y, box[2] + x, box[3] + y)
            rows = [placed[1] + row for row in rows_of(now.crop(placed))]
            found.append((placed, rows))
            return len(rows) == lines

        try:
            self._screen.eventually(look, what=f"a menu of {lines} lines")
        except AssertionError as error:
            last = f"{len(found[-1][1])} lines in {found[-1][0]}" if found else "nothing"
            raise AssertionError(f"{error}\nseen: {last}") from error
        return found[-1]


def rows_of(menu: Image.Image) -> list[int]:
    """The middles of the lines of text in the picture of a menu, from its top."""
    grey = menu.convert("L")
    colours = grey.tobytes()
    ground = Counter(colours).most_common(1)[0][0]
    text = grey.crop((28, 0, min(150, grey.width - 4), grey.height))
    ink = text.point(lambda value: 255 if abs(value - ground) > 60 else 0)
    middles, start = [], None
    for y in range(ink.height + 1):
        is_text = y < ink.height and ink.crop((0, y, ink.width, y + 1)).getbbox() is not None
        if is_text and start is None:
            start = y
        elif not is_text and start is not None:
            # Separators are thinner than letters.
            if y - start > 4:
                middles.append((start + y) // 2)
            start = None
    return middles
