"""The prompt window. It is made once and kept hidden, so that a hotkey shows it at once."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QVBoxLayout

from hob.desktop.parts import Parts
from hob.desktop.prompt.attachments import Attachment
from hob.desktop.prompt.commands import Name, Situation, usable
from hob.desktop.prompt.conversation import Exchange
from hob.desktop.prompt.doing import Doing
from hob.desktop.prompt.frame import Frame
from hob.desktop.prompt.notice import Notice
from hob.desktop.prompt.pulling import Pulling
from hob.desktop.prompt.session import Session
from hob.desktop.prompt.shell import Shell
from hob.desktop.prompt.sizing import Sizing
from hob.desktop.prompt.speaking import announce
from hob.desktop.prompt.states import bar_state
from hob.desktop.prompt.theme import colors, palette, style_sheet
from hob.errors import HobError
from hob.wire.plugins import ActionInfo, ActionRequest, Opens

TITLE = "Hob"


class PromptWindow(Shell):
    """`open`, `show_run` and `show_text` show it; Esc hides it, and what runs goes on."""

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.setWindowTitle(TITLE)
        self._parts = parts
        self._colors = colors()
        self.frame = Frame(self, self.do, self._copy, self._gripped)
        self._sizing = Sizing(self, self.frame)
        self.notice = Notice(self.frame.notice, self._copy)
        self.session = Session(parts.bridge, self)
        self._pulling = Pulling(parts.bridge, self._show_state)
        self._doing = Doing(
            window=self,
            comes=self,
            frame=self.frame,
            parts=parts,
            session=self.session,
            notice=self.notice,
            pulling=self._pulling,
            do=self.do,
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.frame)
        self._connect()
        self.dress()
        parts.bridge.watch(self.session.viewed)
        # The native window is made now rather than when the hotkey is pressed.
        self.winId()

    # ---- what others call ----

    @property
    def visible(self) -> bool:
        return self.isVisible()

    def open(self, opens: Opens) -> None:
        """Show it, focused, on the screen with the pointer, with what is wanted in it."""
        begins = opens.send or opens.attach != "nothing" or bool(opens.system)
        talk = self.session.conversation
        if begins and (talk.exchanges or opens.system != talk.system):
            self.session.new(opens.system)
        if opens.text:
            self.frame.input.put(opens.text)
        if opens.attach == "selection":
            # Before the window takes the focus from what is selected.
            if not self.isVisible():
                self._parts.clipboard.note_focus()
            self._doing.bringing.selection()
        self.come()
        if opens.attach == "clipboard":
            self._doing.bringing.clipboard()
        if opens.send:
            self.do("send")

    def show_run(self, action: ActionInfo, request: ActionRequest) -> None:
        """Have an action run, and show what it makes."""
        self.session.run(action, request)
        self.come()

    def show_text(self, title: str, text: str) -> None:
        """Show a finished answer."""
        self.session.show_text(title, text)
        self.come()

    def come(self) -> None:
        """Show it, focused; what stands in it stays."""
        if not self.isVisible():
            self._parts.clipboard.note_focus()
            self._sizing.place()
            self.show()
        self.take_focus()
        self.frame.input.setFocus(Qt.FocusReason.ActiveWindowFocusReason)

    def do(self, name: Name) -> None:
        """A command, if it can be done now."""
        if usable(name, self._situation()):
            self._doing.do(name)

    # ---- what the session shows ----

    def show_conversation(self) -> None:
        conversation = self.session.conversation
        self.frame.talk.show_all(conversation, self._colors)
        self.frame.show_talk(shown=bool(conversation.exchanges))
        self.notice.clear()
        self._sizing.fit()

    def show_new(self, exchange: Exchange) -> None:
        self.frame.talk.add(exchange, self._colors)
        self.frame.show_talk(shown=True)
        self._sizing.fit()

    def show_change(self, exchange: Exchange, doing: str, fraction: float | None) -> None:
        view = self.frame.talk.last
        if view is not None and view.exchange is exchange:
            view.refresh(doing, fraction)

    def show_end(self, exchange: Exchange) -> None:
        words = {"stopped": "Stopped.", "failed": exchange.error.message if exchange.error else ""}
        announce(self, words.get(exchange.state, exchange.answer))
        if self.isVisible():
            self.session.read_ahead()
        elif exchange.state != "stopped":
            self._tell(exchange)

    def _tell(self, exchange: Exchange) -> None:
        """Nobody has seen it come."""
        text = exchange.error.message if exchange.error else exchange.answer
        self._parts.notices.show(exchange.title, text, copy=exchange.answer, open=self.come)

    def show_situation(self) -> None:
        now = self._situation()
        self.frame.chips.show_all(self.session.attachments)
        self.frame.footer.show_models(self.session.view, self.session.conversation.model)
        self.frame.footer.show_hints(now)
        self._doing.keys.show(now)
        self._show_state()

    def show_refusal(self, error: HobError) -> None:
        self.notice.refuse(error)

    def _situation(self) -> Situation:
        last = self.session.conversation.last
        return Situation(
            running=self.session.running,
            answered=bool(self.session.answer),
            failed=last is not None and last.state == "failed",
            written=bool(self.frame.input.toPlainText().strip()),
            asked=last is not None,
            repeatable=last is not None and not last.given,
            pastes=self._parts.clipboard.pastes,
        )

    def _show_state(self) -> None:
        last = self.session.conversation.last
        waiting = last is not None and last.state == "waiting"
        model = self.session.conversation.model
        self.frame.state.show_state(
            bar_state(self.session.view, model, waiting=waiting, pull=self._pulling.entry)
        )
        self._sizing.fit()

    # ---- what the person does ----

    def _typed(self) -> None:
        now = self._situation()
        self.frame.footer.show_hints(now)
        self._doing.keys.show(now)
        if now.written:
            self.session.read_ahead()
        self._sizing.fit()

    def _recall(self, text: str | None) -> None:
        if text is not None:
            self.frame.input.put(text)

    def _remove(self, attachment: Attachment) -> None:
        self.session.remove(attachment)
        self.frame.input.setFocus()

    def _remove_last(self) -> None:
        if self.session.attachments:
            self.session.remove(self.session.attachments[-1])

    def _choose(self, model: str) -> None:
        self.session.choose(model)
        self.frame.input.setFocus()

    def _copy(self, text: str) -> None:
        self._doing.copy(text)

    def _gripped(self) -> None:
        self._sizing.begin_by_hand()

    def _connect(self) -> None:
        frame, box, questions = self.frame, self.frame.input, self.session.questions
        box.send.connect(lambda: self.do("send"))
        box.earlier.connect(lambda: self._recall(questions.earlier(box.toPlainText())))
        box.later.connect(lambda: self._recall(questions.later()))
        box.removes.connect(self._remove_last)
        box.scrolls.connect(frame.talk.page)
        box.brought.connect(self._doing.bringing.mime)
        box.changed.connect(self._typed)
        frame.chips.removed.connect(self._remove)
        frame.state.changed.connect(self._sizing.fit)
        frame.notice.changed.connect(self._sizing.fit)
        frame.state.remedy.connect(self._doing.remedy)
        frame.talk.retry.connect(lambda: self.do("retry"))
        frame.talk.wants_link.connect(self.notice.ask_link)
        frame.talk.grown.connect(self._sizing.fit)
        frame.footer.model_chosen.connect(self._choose)
        QGuiApplication.styleHints().colorSchemeChanged.connect(lambda _scheme: self.dress())

    def dress(self) -> None:
        """Light or dark, as the system is now."""
        self._colors = colors()
        self.setPalette(palette(self._colors))
        self.setStyleSheet(style_sheet(self._colors, rounded=self.rounded))
        self.frame.talk.show_all(self.session.conversation, self._colors)

    def dropped(self, data: QMimeData) -> None:
        self._doing.bringing.mime(data)

    def resized(self) -> None:
        self._sizing.resized()

    def rest(self) -> None:
        self.session.rest()
