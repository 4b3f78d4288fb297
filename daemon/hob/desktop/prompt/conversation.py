"""What was asked and answered in the window. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from hob.desktop.prompt.attachments import Attachment, content_of, media_of
from hob.wire.base import ErrorInfo
from hob.wire.generate import ChatMessage
from hob.wire.plugins import ActionInfo, ActionRequest

# waiting: nothing has come yet. stopped: by the person, as is what was shown when it came.
State = Literal["waiting", "running", "done", "stopped", "failed"]

MAX_ANSWER_CHARS = 16 * 2**20


@dataclass
class Exchange:
    """One question and its answer. `run` is set when an action makes the answer; `given` when it
    was there from the beginning."""

    question: str
    attachments: tuple[Attachment, ...] = ()
    answer: str = ""
    thoughts: str = ""
    state: State = "waiting"
    error: ErrorInfo | None = None
    note: str = ""
    run: tuple[ActionInfo, ActionRequest] | None = None
    given: bool = False

    @property
    def over(self) -> bool:
        return self.state in {"done", "stopped", "failed"}

    @property
    def title(self) -> str:
        """The question on one line, for a list."""
        return " ".join(self.question.split())[:200] or "Answer"

    def messages(self) -> list[ChatMessage]:
        """What the model is told of it later. What has no answer was never said."""
        if not self.answer.strip():
            return []
        return [asked(self.question, self.attachments), said(self.answer)]


@dataclass
class Conversation:
    """`model` empty asks the chosen one."""

    model: str = ""
    system: str = ""
    exchanges: list[Exchange] = field(default_factory=list)

    def known(self, attachments: Sequence[Attachment] = ()) -> list[ChatMessage]:
        """What is certain before the next question is written: it can be read ahead."""
        before = self._before(self.exchanges)
        # The last break belongs to what will be sent, so it is read as well.
        return [*before, asked("", attachments)] if attachments else before

    def asking(self, exchange: Exchange) -> list[ChatMessage]:
        """What to send for a question, which is one of the exchanges or comes after them."""
        place = self.exchanges.index(exchange) if exchange in self.exchanges else None
        before = self._before(self.exchanges[:place])
        return [*before, asked(exchange.question, exchange.attachments)]

    def _before(self, exchanges: Sequence[Exchange]) -> list[ChatMessage]:
        first = [ChatMessage(role="system", content=self.system)] if self.system else []
        return first + [message for each in exchanges for message in each.messages()]

    @property
    def last(self) -> Exchange | None:
        return self.exchanges[-1] if self.exchanges else None


def asked(question: str, attachments: Sequence[Attachment]) -> ChatMessage:
    content = content_of(attachments, question)
    return ChatMessage(role="user", content=content, media=media_of(attachments))


def said(answer: str) -> ChatMessage:
    return ChatMessage(role="assistant", content=answer)


def of_run(action: ActionInfo, request: ActionRequest) -> Conversation:
    """A conversation that begins with an action's run, so that a question can follow it."""
    text = request.text or ""
    texts = (Attachment("Text", text=text),) if text.strip() else ()
    question = f"{action.title}: {request.input}" if request.input.strip() else action.title
    run = Exchange(question, texts, run=(action, request))
    return Conversation(model=request.model, system=action.system, exchanges=[run])
