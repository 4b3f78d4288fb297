"""Chat templates: a conversation as the text that the model was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from jinja2 import TemplateError

from hob.engine.prompt import Render
from hob.engine.sandbox import LimitExceeded, Refusal, SandboxedTemplate
from hob.errors import TemplateFailed
from hob.wire.generate import ChatMessage

_OVERRIDE_HINT = "Set template_override to a built-in template such as chatml."


def make_renderer(source: str, *, bos_token: str, eos_token: str) -> Render:
    """How this model renders conversations. What is wrong with its template is raised by each
    rendering, since a model can still continue plain prompts without one."""
    if not source:
        return _raiser(
            TemplateFailed(
                "This model's file has no chat template, so it cannot take messages.",
                hint="Choose a chat model, send a plain prompt, or set template_override.",
            )
        )
    try:
        return ChatTemplate(source, bos_token=bos_token, eos_token=eos_token).render
    except TemplateFailed as error:
        return _raiser(error)


def _raiser(error: TemplateFailed) -> Render:
    def render(_messages: Sequence[ChatMessage]) -> str:
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
            "strftime_now": lambda form: datetime.now().astimezone().strftime(form),
        }
        try:
            self._template = SandboxedTemplate(source)
        except (TemplateError, LimitExceeded, RecursionError) as error:
            raise TemplateFailed(
                f"The model's chat template is broken: {error}.", hint=_OVERRIDE_HINT
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
        try:
            return self._template.render(messages=values, **self._constants)
        except Refusal:
            raise
        except LimitExceeded as error:
            raise TemplateFailed(
                f"The model's chat template was stopped: {error}.", hint=_OVERRIDE_HINT
            ) from error
        except Exception as error:
            # A template can raise anything that its expressions can: TypeError, KeyError, ...
            raise TemplateFailed(
                f"The model's chat template fails on this conversation: {error}.",
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


def _refused(refusal: Refusal) -> TemplateFailed:
    return TemplateFailed(
        f"The model's chat template does not accept this conversation: {refusal}.",
        hint="Most models want user and assistant messages in turn, beginning with the user.",
    )
