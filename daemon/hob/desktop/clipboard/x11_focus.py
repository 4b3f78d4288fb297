"""Which window had the focus on X11, giving it back, and pressing keys in it."""

from __future__ import annotations

import os

from Xlib import X
from Xlib.error import XError
from Xlib.ext import xtest
from Xlib.protocol import event as events
from Xlib.protocol.rq import Event
from Xlib.xobject.drawable import Window

from hob.desktop.clipboard.x11_desk import Desk
from hob.desktop.x_keyboard import CONTROL, MOD1, MOD4, SHIFT, combos, read_keyboard
from hob.errors import DesktopRefused
from hob.wire.hotkey import Hotkey

_FOCUS_LIMIT_S = 2.0
_MAX_DEPTH = 20


class Focus:
    """Follows the focus all the time, because it must be known from before our window came."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._active_atom = desk.atom("_NET_ACTIVE_WINDOW")
        self._last = X.NONE
        self.remembered = X.NONE
        desk.handlers.append(self._heard)
        desk.root.change_attributes(event_mask=X.PropertyChangeMask)
        self._look()

    def remember(self) -> None:
        """Keep the window of another program that has, or last had, the focus."""
        self._look()
        self.remembered = self._last

    def classes(self) -> tuple[str, ...]:
        """WM_CLASS of the remembered window; empty when that has gone."""
        try:
            found = self._window(self.remembered).get_wm_class()
        except XError:
            return ()
        return tuple(str(each) for each in found or ())

    def give_back(self) -> None:
        """Have the remembered window focused. Raises DesktopRefused when that cannot be."""
        if self.remembered == X.NONE or not self._lives(self.remembered):
            # Nothing was noted, or what was has gone: the last one that still is there.
            self.remember()
        if self.remembered == X.NONE or not self._lives(self.remembered):
            raise DesktopRefused(
                "There is no window to put the text into. It is on the clipboard.",
                hint="Click where it belongs, and paste it there.",
            )
        window = self._window(self.remembered)
        if self._active() != self.remembered:
            self._activate(window)
        if not self._desk.wait(self._has_focus, _FOCUS_LIMIT_S):
            raise DesktopRefused(
                "The window that you came from does not take the focus back. The text is on the "
                "clipboard.",
                hint="Click where it belongs, and paste it there.",
            )

    def press(self, keys: Hotkey) -> None:
        """Press keys where the focus is, once no modifier is held by the person."""
        if not self._desk.wait(self._modifiers_free, _FOCUS_LIMIT_S):
            raise DesktopRefused(
                "A key is held down, so the text was not put in. It is on the clipboard.",
                hint="Let all keys go, and paste it yourself.",
            )
        display = self._desk.display
        board = read_keyboard(display)
        combo = min(combos(keys, board), key=lambda each: each.code)
        mapping = display.get_modifier_mapping()
        held = [
            next(code for code in mapping[index] if code)
            for index, mask in ((0, SHIFT), (2, CONTROL))
            if combo.mask & mask
        ]
        for code in (*held, combo.code):
            xtest.fake_input(display, X.KeyPress, code)
        for code in (combo.code, *reversed(held)):
            xtest.fake_input(display, X.KeyRelease, code)
        display.sync()

    @property
    def latin(self) -> bool:
        """Whether the keyboard's layout has a V, which programs know pasting by."""
        return any(
            ord("v") in signs for signs in read_keyboard(self._desk.display).keysyms.values()
        )

    @property
    def can_press(self) -> bool:
        return bool(self._desk.display.query_extension("XTEST"))

    def _activate(self, window: Window) -> None:
        if not self._managed():
            window.set_input_focus(X.RevertToParent, X.CurrentTime)
            window.configure(stack_mode=X.Above)
            self._desk.display.sync()
            return
        # Source 2, a pager: a window manager that guards the focus lets this pass.
        message = events.ClientMessage(
            window=window, client_type=self._active_atom, data=(32, [2, X.CurrentTime, 0, 0, 0])
        )
        mask = X.SubstructureRedirectMask | X.SubstructureNotifyMask
        self._desk.root.send_event(message, event_mask=mask)
        self._desk.display.flush()

    def _heard(self, event: Event) -> None:
        if event.type == X.PropertyNotify and event.atom == self._active_atom:
            self._look()

    def _look(self) -> None:
        active = self._active()
        if active != X.NONE and not self._ours(active):
            self._last = active

    def _active(self) -> int:
        """The active window by the window manager's word, or the focused one where none is."""
        if self._managed():
            found = self._desk.root.get_full_property(self._active_atom, X.AnyPropertyType)
            return int(found.value[0]) if found is not None and len(found.value) else X.NONE
        focus = self._desk.display.get_input_focus().focus
        return int(focus.id) if isinstance(focus, Window) and focus != self._desk.root else X.NONE

    def _managed(self) -> bool:
        atom = self._desk.atom("_NET_SUPPORTING_WM_CHECK")
        return self._desk.root.get_full_property(atom, X.AnyPropertyType) is not None

    def _has_focus(self) -> bool:
        if self._active() != self.remembered:
            return False
        # Toolkits give the focus to windows within their window.
        window = self._desk.display.get_input_focus().focus
        try:
            for _ in range(_MAX_DEPTH):
                if not isinstance(window, Window) or window == self._desk.root:
                    return False
                if window.id == self.remembered:
                    return True
                window = window.query_tree().parent
        except XError:
            pass
        return False

    def _ours(self, window: int) -> bool:
        try:
            found = self._window(window).get_full_property(
                self._desk.atom("_NET_WM_PID"), X.AnyPropertyType
            )
        except XError:
            return True
        return found is not None and list(found.value) == [os.getpid()]

    def _lives(self, window: int) -> bool:
        try:
            self._window(window).get_attributes()
        except XError:
            return False
        return True

    def _modifiers_free(self) -> bool:
        return not self._desk.root.query_pointer().mask & (SHIFT | CONTROL | MOD1 | MOD4)

    def _window(self, number: int) -> Window:
        return self._desk.display.create_resource_object("window", number)
