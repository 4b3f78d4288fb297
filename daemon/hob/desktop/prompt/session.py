"""What happens in the window: questions, answers, attachments, and reading ahead. No widgets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from hob.client import Client
from hob.client.read_ahead import ReadAhead
from hob.client.sanitize import clean
from hob.desktop.parts import Bridge
from hob.desktop.prompt import attachments as bounds
from hob.desktop.prompt.asking import Asking
from hob.desktop.prompt.attachments import Attachment
from hob.desktop.prompt.conversation import Conversation, Exchange, of_run
from hob.desktop.prompt.questions import Questions
from hob.desktop.prompt.states import can_answer, is_cold, sees, short_name
from hob.desktop.view import DaemonView
from hob.errors import HobError
from hob.wire.desktop import NewRecent
from hob.wire.plugins import ActionInfo, ActionProgress, ActionRequest


class Shown(Protocol):
    """The window, as what happens is shown in it."""

    def show_conversation(self) -> None:
        """It is another one now."""

    def show_new(self, exchange: Exchange) -> None:
        """A question was asked."""

    def show_change(self, exchange: Exchange, doing: str, fraction: float | None) -> None:
        """The last exchange is another now."""

    def show_situation(self) -> None:
        """Attachments, the model, or what can be done have changed."""

    def show_refusal(self, error: HobError) -> None:
        """Something could not be done."""

    def show_end(self, exchange: Exchange) -> None:
        """An answer is over."""


class Session:
    """One conversation at a time; only the GUI's thread calls it."""

    def __init__(self, bridge: Bridge, shown: Shown) -> None:
        self._bridge = bridge
        self._shown = shown
        self.conversation = Conversation()
        self.attachments: tuple[Attachment, ...] = ()
        self.questions = Questions()
        self.view = DaemonView()
        self.pending: Exchange | None = None
        self._asking = Asking(bridge, self)
        self._ahead = ReadAhead(bridge.client())
        self._warmed = ""
        self._progress: ActionProgress | None = None

    @property
    def running(self) -> bool:
        """Whether an answer is on its way or waits for a model."""
        return self._asking.running or self.pending is not None

    @property
    def answer(self) -> str:
        """The last answer there is, whole or not; empty for none."""
        texts = (each.answer.strip() for each in reversed(self.conversation.exchanges))
        return next((text for text in texts if text), "")

    # ---- asking ----

    def send(self, question: str) -> bool:
        """Ask; False when it was not, and the question should stay where it is."""
        if self.running or not question.strip():
            return False
        try:
            self._check_sees()
        except HobError as error:
            self._shown.show_refusal(error)
            return False
        exchange = Exchange(question.strip(), self.attachments)
        self.attachments = ()
        self.questions.asked(exchange.question)
        self._add(exchange)
        return True

    def retry(self) -> None:
        """Ask the last question again, in the place of its answer."""
        last = self.conversation.last
        if last is None or self.running:
            return
        fresh = Exchange(last.question, last.attachments, run=last.run)
        self.conversation.exchanges[-1] = fresh
        self._shown.show_conversation()
        self._go(fresh)

    def stop(self) -> None:
        """End the answer; what has come stays."""
        if self.pending is not None:
            self.pending.state, self.pending = "stopped", None
            self.ended(self.conversation.exchanges[-1])
        self._asking.stop()

    def run(self, action: ActionInfo, request: ActionRequest) -> None:
        """Have an action run, in a conversation of its own."""
        self.stop()
        self._begin(of_run(action, request))
        last = self.conversation.exchanges[-1]
        self._go(last)

    def show_text(self, title: str, text: str) -> None:
        """Show an answer that is finished already, so that questions can follow."""
        self.stop()
        exchange = Exchange(title, answer=clean(text), state="done", given=True)
        self._begin(Conversation(exchanges=[exchange]))

    def new(self, system: str = "") -> None:
        """Begin anew, with the same model."""
        self.stop()
        self.attachments = ()
        self._begin(Conversation(model=self.conversation.model, system=system))

    def _begin(self, conversation: Conversation) -> None:
        self._ahead.stop()
        self.conversation = conversation
        self._shown.show_conversation()
        self._shown.show_situation()

    def _add(self, exchange: Exchange) -> None:
        self.conversation.exchanges.append(exchange)
        self._shown.show_new(exchange)
        self._go(exchange)

    def _go(self, exchange: Exchange) -> None:
        """Ask now, or as soon as there is somebody to ask."""
        self._ahead.stop()
        self._warmed = ""
        self._progress = None
        if not can_answer(self.view):
            self.pending = exchange
        elif exchange.run is not None:
            self._asking.run(exchange, exchange.run[1])
        else:
            messages = self.conversation.asking(exchange)
            self._asking.ask(exchange, messages, self.conversation.model)
        self._show_change(exchange)
        self._shown.show_situation()

    def came(self, exchange: Exchange, progress: ActionProgress | None) -> None:
        self._progress = progress or self._progress
        self._show_change(exchange)

    def ended(self, exchange: Exchange) -> None:
        self._show_change(exchange)
        self._shown.show_situation()
        self._shown.show_end(exchange)
        if exchange.answer.strip():
            kept = NewRecent(title=exchange.title, text=exchange.answer)
            self._quietly(lambda client: client.add_recent(kept))

    def _show_change(self, exchange: Exchange) -> None:
        if exchange is not self.conversation.last:
            return
        progress = self._progress
        if progress is not None:
            fraction = -1.0 if progress.fraction is None else progress.fraction
            self._shown.show_change(exchange, progress.note, fraction)
        else:
            self._shown.show_change(exchange, self._doing(exchange), None)

    def _doing(self, exchange: Exchange) -> str:
        if exchange.state != "waiting" or exchange is self.pending:
            return ""
        name = short_name(self.conversation.model or self.view.chosen)
        if self.view.phase in {"loading", "cold"}:
            return f"Waiting until {name} is loaded…"
        return "Working…" if exchange.run else "Reading…"

    # ---- what a question is about, and who is asked ----

    def attach(self, attachment: Attachment) -> None:
        """Tells the window when it cannot be."""
        try:
            added = bounds.add(self.attachments, attachment)
            self._check_sees(added)
        except HobError as error:
            self._shown.show_refusal(error)
            return
        self.attachments = added
        self._shown.show_situation()
        self.read_ahead()

    def remove(self, attachment: Attachment) -> None:
        self.attachments = tuple(each for each in self.attachments if each != attachment)
        self._shown.show_situation()

    def choose(self, model: str) -> None:
        """Who answers in this conversation; empty for the one that is kept warm."""
        self.conversation.model = model
        self._shown.show_situation()
        self.read_ahead()

    def _check_sees(self, attachments: tuple[Attachment, ...] | None = None) -> None:
        model = self.conversation.model
        asked = self.attachments if attachments is None else attachments
        # Before the daemon has told its models, nobody knows.
        knows = bool(self.view.models)
        name = short_name(model or self.view.chosen)
        bounds.check_sees(asked, name, sees=sees(self.view, model) or not knows)

    # ---- what is known ----

    def viewed(self, view: DaemonView) -> None:
        """The daemon is another now."""
        self.view = view
        if self.pending is not None and can_answer(view):
            waiting, self.pending = self.pending, None
            self._go(waiting)
        elif (last := self.conversation.last) is not None and last.state == "waiting":
            self._show_change(last)
        self._shown.show_situation()

    def read_ahead(self) -> None:
        """While the person writes, the model reads what is known, and is loaded if it is not."""
        if self.running or not can_answer(self.view):
            return
        known = self.conversation.known(self.attachments)
        if known:
            self._ahead.begin(known, self.conversation.model)
        elif is_cold(self.view, self.conversation.model):
            self._warm(self.conversation.model or self.view.chosen)

    def rest(self) -> None:
        """Nobody writes any more."""
        self._ahead.stop()

    def _warm(self, model: str) -> None:
        if model and model != self._warmed:
            self._warmed = model
            self._quietly(lambda client: client.load(model))

    def load(self) -> None:
        """Try again what could not be loaded; the view tells the outcome."""
        model = self.conversation.model or self.view.chosen
        self._quietly(lambda client: client.load(model))

    def _quietly(self, work: Callable[[Client], object]) -> None:
        """What fails is told by the view, or is worth no word."""
        self._bridge.run(work, failed=lambda _error: None)
