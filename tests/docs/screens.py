"""Makes the README's pictures of the desktop from a real run.

    python tests/docs/screens.py        writes installers/pictures/*.png

Starts a screen, a daemon with the starter model and its desktop, presses the keys that a person
presses, and takes pictures.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from desktop.screen import PANEL_HEIGHT, Screen  # noqa: E402
from live_daemon import LiveDaemon, eventually, starter_model  # noqa: E402

FOLDER = ROOT / "installers/pictures"
QUESTION = "Write a Python function that greets somebody. Be brief."
LETTER = (
    "Dear Anna, the review moves to Friday at ten. Please bring the budget figures, tell Bob"
    " about the new room, and book the projector before Wednesday. Best regards, Tom"
)


def main() -> None:
    for dark in (False, True):
        with tempfile.TemporaryDirectory(prefix="hob") as home, Screen(dark=dark) as screen:
            _take(screen, Path(home), "-dark" if dark else "")


def _take(screen: Screen, home: Path, ending: str) -> None:
    environ = {**screen.environ, "OMP_WAIT_POLICY": "passive"}
    if ending:
        # A bare screen has no settings from which Qt could learn that it is to be dark.
        environ["QT_QPA_PLATFORMTHEME"] = "gtk3"
    os.environ.update(environ)
    settings = ("engine.max_tokens=300",)
    with LiveDaemon(home, [starter_model()], settings=settings, environ=environ) as daemon:
        client = daemon.client()
        client.load(client.status().chosen)
        eventually(lambda: client.desktops().desktops and client.desktops().desktops[0].hotkeys)
        screen.xdotool("key", "ctrl+alt+space")
        _wait_for_prompt(screen)
        screen.xdotool("type", "--delay", "5", QUESTION)
        before = client.status().workers[0].answers
        screen.xdotool("key", "Return")
        eventually(lambda: client.status().workers[0].answers > before)
        _settle()
        _cut(screen, f"prompt{ending}")
        screen.xdotool("key", "Escape")
        screen.run("bash", "-c", "xclip -selection clipboard >/dev/null 2>&1", input=LETTER)
        screen.xdotool("key", "ctrl+alt+c")
        _settle()
        _cut(screen, f"actions{ending}")
        screen.xdotool("key", "Escape")
        screen.xdotool("mousemove", PANEL_HEIGHT // 2, PANEL_HEIGHT // 2, "click", "3")
        _settle()
        _cut(screen, f"tray{ending}", corner=True)


def _wait_for_prompt(screen: Screen) -> None:
    screen.eventually(lambda: "Hob" in screen.active_window(), what="the prompt window")


def _settle() -> None:
    """Until what was drawn last is on the screen; pictures, unlike tests, may wait a while."""
    threading.Event().wait(1.0)


def _cut(screen: Screen, name: str, *, corner: bool = False) -> None:
    """What differs from the empty screen, with a margin; from the corner for a menu there."""
    picture = screen.picture()
    ground = picture.getpixel((picture.width - 2, picture.height - 2))
    empty = Image.new("RGB", picture.size, ground)
    below = (0, PANEL_HEIGHT + 2, *picture.size)
    from PIL import ImageChops

    box = ImageChops.difference(picture.crop(below), empty.crop(below)).getbbox()
    assert box is not None, f"nothing is on the screen for {name}"
    left, top, right, bottom = box
    top, bottom = top + PANEL_HEIGHT + 2, bottom + PANEL_HEIGHT + 2
    margin = 24
    box = (
        0 if corner else max(left - margin, 0),
        0 if corner else max(top - margin, PANEL_HEIGHT + 2),
        min(right + margin, picture.width),
        min(bottom + margin, picture.height),
    )
    FOLDER.mkdir(parents=True, exist_ok=True)
    picture.crop(box).quantize(128).save(FOLDER / f"{name}.png", optimize=True)
    print(f"installers/pictures/{name}.png")


if __name__ == "__main__":
    main()
