"""The grabs of keys on an X server's root window; used by one thread."""

from __future__ import annotations

from collections.abc import Set

from Xlib import X
from Xlib.display import Display
from Xlib.error import BadAccess, CatchError
from Xlib.protocol.rq import Event

from hob.desktop.hotkeys.plan import Plan, taken_elsewhere
from hob.desktop.hotkeys.x11_keys import Repeats, laid_out
from hob.desktop.x_keyboard import Combo, read_keyboard, with_locks, without_locks
from hob.errors import HobError


class Grabs:
    """`problems` are by action. `conflicts` says that another program has some of what is wanted,
    and setting `due` makes the next `work` ask for that again."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._root = display.screen().root
        self._board = read_keyboard(self._display)
        self._repeats = Repeats()
        self._grabbed: Set[Combo] = frozenset()
        self._actions: dict[Combo, str] = {}
        self.problems: dict[str, HobError] = {}
        self.conflicts = False
        self.due = False

    def fileno(self) -> int:
        return int(self._display.fileno())

    def close(self) -> None:
        self._display.close()

    def work(self, wanted: Plan, *, again: bool) -> list[str]:
        """Take in what the server has said, and what is wanted if that is new; the actions whose
        keys were pressed."""
        pressed: list[str] = []
        if again or self.due:
            self._apply(wanted)
        while waiting := self._display.pending_events():
            # A change of the layout comes as many events; the keys are read once for all.
            remapped = False
            for _ in range(waiting):
                remapped |= self._take(self._display.next_event(), pressed)
            if remapped:
                self._board = read_keyboard(self._display)
                self._apply(wanted)
        return pressed

    def _take(self, event: Event, pressed: list[str]) -> bool:
        """One event; whether the keyboard has another layout now."""
        if event.type == X.MappingNotify:
            return True
        if event.type == X.KeyRelease:
            self._repeats.released(event.detail, event.time)
        elif event.type == X.KeyPress and self._repeats.pressed(event.detail, event.time):
            action = self._actions.get(without_locks(event.detail, event.state, self._board))
            if action is not None:
                pressed.append(action)
        return False

    def _apply(self, wanted: Plan) -> None:
        """Grab what is new, let go what is no longer wanted, leave the rest as it is."""
        actions, problems = laid_out(wanted.wishes, self._board)
        grabs = {
            grab: action
            for combo, action in actions.items()
            for grab in with_locks(combo, self._board)
        }
        self._let_go(self._grabbed - grabs.keys())
        refused = self._grab(grabs.keys() - self._grabbed)
        lost = {grabs[grab] for grab in refused}
        self._let_go({grab for grab, action in grabs.items() if action in lost} - refused)
        self._display.sync()
        self._grabbed = {grab for grab, action in grabs.items() if action not in lost}
        self._actions = {combo: action for combo, action in actions.items() if action not in lost}
        self.conflicts = bool(lost)
        self.problems = problems | {
            wish.action: taken_elsewhere(wish) for wish in wanted.wishes if wish.action in lost
        }

    def _grab(self, fresh: Set[Combo]) -> Set[Combo]:
        """Ask for each; those that another program has."""
        asked = [(grab, CatchError(BadAccess)) for grab in fresh]
        for grab, catch in asked:
            self._root.grab_key(
                grab.code, grab.mask, False, X.GrabModeAsync, X.GrabModeAsync, onerror=catch
            )
        self._display.sync()
        return {grab for grab, catch in asked if catch.get_error()}

    def _let_go(self, grabs: Set[Combo]) -> None:
        for grab in grabs:
            self._root.ungrab_key(grab.code, grab.mask)
