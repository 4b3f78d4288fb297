"""Chat templates: a conversation as the text that the model was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from hob.engine.limits import MAX_VALUE, LimitExceeded
from hob.engine.prompt import Render
from hob.engine.sandbox import Refusal, SandboxedTemplate
from hob.errors import TemplateFailed
from hob.wire.generate import ChatMessage, GenerateRequest

_MAX_DATE_FORMAT = 100
_MAX_REASON = 300
_OVERRIDE_HINT = "Use a built-in template: `hob config set engine.chat_template chatml`."


def make_renderer(source: str, *, bos_token: str, eos_token: str) -> Render:
    """How this model renders conversations. What is wrong with its template is raised by each
    rendering, since a model can still continue plain prompts without one."""
    if not source:
        return _raiser(
            TemplateFailed(
                "This model's file has no chat template, so it cannot take messages.",
                hint="Choose a chat model, send a plain prompt, or give it a built-in template: "
                "`hob config set engine.chat_template chatml`.",
            )
        )
    try:
        template = ChatTemplate(source, bos_token=bos_token, eos_token=eos_token)
    except TemplateFailed as error:
        return _raiser(error)
    return lambda messages, _request: template.render(messages)


def _raiser(error: TemplateFailed) -> Render:
    def render(_messages: Sequence[ChatMessage], _request: GenerateRequest) -> str:
        raise error

    return render


class ChatTemplate:
    """A compiled chat template. The source is a stranger's program: it runs in the sandbox.

    Raises TemplateFailed when the source is no template.
    """

    def __init__(self, source: str, *, bos_token: str, eos_token: str) -> None:
        self._constants: dict[str, Any] = {
            "bos_token": bos_token,
            "eos_token": eos_token,
            "add_generation_prompt": True,
            "tools": None,
            "documents": None,
            "strftime_now": _strftime_now,
        }
        try:
            self._template = SandboxedTemplate(source)
        except (Exception, LimitExceeded) as error:
            # Besides Jinja's own errors: RecursionError, SyntaxError, MemoryError, ...
            raise TemplateFailed(
                f"The model's chat template is broken: {_reason(error)}.", hint=_OVERRIDE_HINT
            ) from error

    def render(self, messages: Sequence[ChatMessage]) -> str:
        """The prompt for `messages`, up to where the answer begins.

        A template that does not take a system message gets its text in the first user message:
        instructions must never vanish. Raises TemplateFailed.
        """
        system = [m.content for m in messages if m.role == "system"]
        try:
            text = self._render(messages)
        except Refusal as refusal:
            if not system:
                raise _refused(refusal) from refusal
        else:
            if all(content.strip() in text for content in system):
                return text
        try:
            return self._render(fold_system(messages))
        except Refusal as refusal:
            raise _refused(refusal) from refusal

    def _render(self, messages: Sequence[ChatMessage]) -> str:
        values = [{"role": m.role, "content": m.content} for m in messages]
        # A long conversation makes a long prompt: it is refused for its tokens, not here.
        largest = MAX_VALUE + 2 * sum(len(m.content) for m in messages)
        try:
            return self._template.render({"messages": values, **self._constants}, largest)
        except Refusal:
            raise
        except LimitExceeded as error:
            raise TemplateFailed(
                f"The model's chat template was stopped: {_reason(error)}.", hint=_OVERRIDE_HINT
            ) from error
        except Exception as error:
            # A template can raise anything that its expressions can: TypeError, KeyError, ...
            raise TemplateFailed(
                f"The model's chat template fails on this conversation: {_reason(error)}.",
                hint=_OVERRIDE_HINT,
            ) from error


def fold_system(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The conversation with its system texts at the head of the first user message."""
    system = "\n\n".join(m.content for m in messages if m.role == "system")
    folded = [m for m in messages if m.role != "system"]
    for index, message in enumerate(folded):
        if message.role == "user":
            folded[index] = ChatMessage(role="user", content=f"{system}\n\n{message.content}")
            return folded
    return [ChatMessage(role="user", content=system), *folded]


def _strftime_now(form: str) -> str:
    """Today's date in the template's words; C's strftime takes widths, which are refused."""
    if len(form) > _MAX_DATE_FORMAT or any(char.isdigit() for char in form):
        raise LimitExceeded("it asks for a date in a strange format")
    return datetime.now().astimezone().strftime(form)


def _reason(error: BaseException) -> str:
    """The error's words as the end of a sentence, without its own full stop, and bounded: they
    may come from the template."""
    return str(error)[:_MAX_REASON].rstrip(". ") or type(error).__name__


def _refused(refusal: Refusal) -> TemplateFailed:
    return TemplateFailed(
        f"The model's chat template does not accept this conversation: {_reason(refusal)}.",
        hint="Most models want user and assistant messages in turn, beginning with the user.",
    )
