"""The file of a person's own prompts: written once as an example, read again when it changes."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Collection
from pathlib import Path

from hob.plugins import Context
from hob_clipboard.own import MAX_FILE_BYTES, Mistake, OwnPrompts, read_prompts

_LOOK_EVERY_S = 2.0

# What a file looks like to the system; None when there is none.
_Stamp = tuple[str, int, int, int] | None

EXAMPLE = '''\
# Your own prompts. Each table is an action: in the menu of Ctrl+Alt+C, in `hob action list`
# and in the API. Hob reads this file again whenever you save it; what is wrong with it is told
# by the action "My own prompts", with the line.
#
# Take away the # in front of these to try them.

# [haiku]
# title = "As a haiku"
# prompt = "Write a haiku about the text above."
#
# [commit-message]
# title = "Commit message for this diff"
# prompt = "Write a commit message for the diff above: one line of 70 characters at most."
# kinds = ["code"]            # suits: text, message, code, error, link, table, image; any without
# temperature = 0.2           # 0 is the same each time, 1 is lively
# plain = true                # show the answer as it is, not as Markdown
#
# [explain-to]
# title = "Explain to..."
# prompt = "Explain this to {input}: {clipboard}"
# asks = "Whom?"              # asked before it runs; the answer is {input}
# choices = ["a child", "an expert", "a judge"]
# hotkey = "ctrl+alt+e"
# in_menu = true              # in the tray's menu as well
#
# [compare]
# title = "Compare selection and clipboard"
# prompt = """
# First text: {selection}
#
# Second text: {clipboard}
#
# What is different between the two texts?"""
#
# {clipboard}, {selection} and {input} are filled in. A prompt without {clipboard} and {selection}
# comes after the text of the clipboard, which is quicker: the text is read while you choose.
# takes = "selection" works on the selection, takes = "nothing" on {input} alone. model = "..."
# names a model, and system = "..." is said to it in place of Hob's own words.
'''


def file_of(context: Context) -> Path:
    """Where the person wants it, or in the plugin's own folder."""
    wished = str(context.settings["prompts_file"]).strip()
    return Path(wished).expanduser() if wished else context.storage.folder / "prompts.toml"


def write_example(path: Path) -> None:
    """Write the example, unless there is a file already. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(EXAMPLE)
    except FileExistsError:
        return


def load(path: Path, taken: Collection[str]) -> OwnPrompts:
    """What the file holds; one that cannot be read is a mistake like any other."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return _unreadable("it is no ordinary file")
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            return _unreadable(f"it has more than {MAX_FILE_BYTES:,} bytes, which no prompts need")
        return read_prompts(data.decode("utf-8-sig"), taken)
    except FileNotFoundError:
        return OwnPrompts()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        said = "this is not UTF-8, so none of the file is used; save it as UTF-8"
        return OwnPrompts(mistakes=(Mistake(line, said),), broken=True)
    except OSError as error:
        return _unreadable(os.strerror(error.errno or 0).lower())


def _unreadable(why: str) -> OwnPrompts:
    return OwnPrompts(mistakes=(Mistake(0, f"the file is not read: {why}"),), broken=True)


class Watch:
    """Calls `changed` on a thread of its own after each change of the file, until `stop`."""

    def __init__(self, path: Callable[[], Path], changed: Callable[[], None]) -> None:
        self._path = path
        self._changed = changed
        self._over = threading.Event()
        self._seen = self._stamp()
        self._thread = threading.Thread(target=self._look, name="prompts.toml", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()

    def look(self) -> None:
        """Whether it has changed since the last look, and if so, tell it."""
        now = self._stamp()
        if now != self._seen:
            self._seen = now
            self._changed()

    def _look(self) -> None:
        while not self._over.wait(_LOOK_EVERY_S):
            self.look()

    def _stamp(self) -> _Stamp:
        try:
            path = self._path()
            found = path.stat()
        except OSError:
            return None
        return str(path), found.st_mtime_ns, found.st_size, found.st_ino
