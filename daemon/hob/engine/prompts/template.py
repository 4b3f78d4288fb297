"""Chat templates: a conversation as the text that the model was trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from hob.engine.prompts.client_texts import client_texts
from hob.engine.prompts.conversation import (
    fold_system,
    in_parts,
    message_values,
    name_results,
    split_calls,
    tool_values,
    with_tools_in_system,
    without_tools,
)
from hob.engine.prompts.limits import MAX_VALUE, LimitExceeded
from hob.engine.prompts.sandbox import Refusal, SandboxedTemplate
from hob.engine.prompts.template_values import offered_tools, values_of
from hob.errors import TemplateFailed
from hob.wire.chat import ChatMessage, Tool, ToolCall
from hob.wire.generate import GenerateRequest

_MAX_DATE_FORMAT = 100
_MAX_REASON = 300
_OVERRIDE_HINT = "Use a built-in template: `hob config set engine.chat_template chatml`."
_LEAST = ("none", "minimal")
_PROBE_TOOL = Tool(
    name="probe",
    description="probe",
    parameters={"type": "object", "properties": {"probe": {"type": "string"}}},
)
_PROBE = ChatMessage(role="user", content="probe")
_PROBE_CALL = ChatMessage(
    role="assistant",
    tool_calls=(ToolCall(name="probe", arguments='{"needle": "x"}', id="probe0000"),),
)


def make_renderer(source: str, *, bos_token: str, eos_token: str) -> Renderer:
    """How this model renders conversations. What is wrong with its template is raised by each
    rendering, since a model can still continue plain prompts without one."""
    if not source:
        return Renderer(
            TemplateFailed(
                "This model's file has no chat template, so it cannot take messages.",
                hint="Choose a chat model, send a plain prompt, or give it a built-in template: "
                "`hob config set engine.chat_template chatml`.",
            )
        )
    try:
        return Renderer(ChatTemplate(source, bos_token=bos_token, eos_token=eos_token))
    except TemplateFailed as error:
        return Renderer(error)


def why_broken(source: str) -> str:
    """What keeps a template from writing even one message, as the end of a sentence; empty when
    it does, or when it wants another conversation than that."""
    try:
        ChatTemplate(source, bos_token="", eos_token="").render([_PROBE])
    except TemplateFailed as error:
        cause = error.__cause__ or error
        return "" if isinstance(cause, Refusal) else _reason(cause)
    return ""


class Renderer:
    """Renders requests by a template, or says each time why it cannot."""

    def __init__(self, template: ChatTemplate | TemplateFailed) -> None:
        self._template = template

    @property
    def takes_tools(self) -> bool:
        return isinstance(self._template, ChatTemplate) and self._template.takes_tools

    @property
    def thinks_by_default(self) -> bool:
        return isinstance(self._template, ChatTemplate) and self._template.thinks_by_default

    def __call__(self, messages: Sequence[ChatMessage], request: GenerateRequest) -> str:
        if isinstance(self._template, TemplateFailed):
            raise self._template
        tools, values = offered_tools(request), values_of(request)
        return self._template.render(messages, tools=tools, values=values)


class ChatTemplate:
    """A compiled chat template. The source is a stranger's program: it runs in the sandbox.

    Raises TemplateFailed when the source is no template.
    """

    def __init__(self, source: str, *, bos_token: str, eos_token: str) -> None:
        self._source = source
        self._constants: dict[str, Any] = {
            "bos_token": bos_token,
            "eos_token": eos_token,
            "add_generation_prompt": True,
            "strftime_now": _strftime_now,
        }
        try:
            self._template = SandboxedTemplate(source)
        except (Exception, LimitExceeded) as error:
            # Besides Jinja's own errors: RecursionError, SyntaxError, MemoryError, ...
            raise TemplateFailed(
                f"The model's chat template is broken: {_reason(error)}.", hint=_OVERRIDE_HINT
            ) from error

    def render(
        self,
        messages: Sequence[ChatMessage],
        *,
        tools: Sequence[Tool] = (),
        values: dict[str, Any] | None = None,
    ) -> str:
        """The prompt for `messages`, up to where the answer begins; `values` are variables of the
        template, of which its constants cannot be changed.

        A template that does not take a system message gets its text in the first user message:
        instructions must never vanish. One that does not know tools gets them in words, and one
        that takes one call a message gets several after one another. Raises TemplateFailed.
        """
        messages = name_results(messages)
        has_calls = any(m.tool_calls or m.role == "tool" for m in messages)
        if (tools or has_calls) and not self.takes_tools:
            messages, tools = without_tools(messages, tools), ()
        refusal: Refusal | None = None
        for variant in _variants(messages):
            try:
                text = self._render(variant, tools, values or {})
            except Refusal as error:
                refusal = refusal or error
                continue
            if all(m.content.strip() in text for m in variant if m.role == "system"):
                return text
        assert refusal, "without a system message the first text is the prompt"
        raise _refused(refusal) from refusal

    @cached_property
    def takes_tools(self) -> bool:
        """Whether tools make a difference to what the template writes."""
        if "tools" not in self._source:
            return False
        try:
            told = self._render([_PROBE], (_PROBE_TOOL,), {})
            return told != self._render([_PROBE], (), {})
        except (TemplateFailed, Refusal):
            return True

    @cached_property
    def thinks_by_default(self) -> bool:
        """Whether the template, told nothing, asks the model to think, or leaves it to a model
        that always does."""
        on, off = ({"enable_thinking": value, "thinking": value} for value in (True, False))
        try:
            unasked = self._render([_PROBE], (), {})
            return unasked != self._render([_PROBE], (), off) or unasked == self._render(
                [_PROBE], (), on
            )
        except (TemplateFailed, Refusal):
            return True

    @cached_property
    def _no_tools(self) -> list[Any] | None:
        """What `tools` is when there are none: None, which many templates ask for, unless the
        template loops over it unasked."""
        variables = {"messages": [message_values(_PROBE)], **self._constants}
        choices: tuple[list[Any] | None, ...] = (None, [])
        for value in choices:
            try:
                self._run({**variables, "tools": value}, MAX_VALUE)
            except Refusal:
                return value
            except TemplateFailed:
                continue
            return value
        return None

    @cached_property
    def _content_in_parts(self) -> bool:
        """Whether the template only writes a content that is a list of parts, as those of some
        vision models do."""
        if "text" not in self._source:
            return False
        tools = self._no_tools
        found = []
        for said in (message_values(_PROBE), in_parts(message_values(_PROBE))):
            try:
                variables = {"messages": [said], "tools": tools, **self._constants}
                found.append("probe" in self._run(variables, MAX_VALUE))
            except (TemplateFailed, Refusal):
                found.append(False)
        return found == [False, True]

    @cached_property
    def _arguments_as_text(self) -> bool:
        """Whether the template wants a call's arguments as JSON. Most want them as values, and
        turn these into JSON themselves or loop over them."""
        try:
            text = self._render_values([_PROBE, _PROBE_CALL], (_PROBE_TOOL,), {}, as_text=False)
        except Refusal:
            return False
        except TemplateFailed:
            return True
        return "{'needle'" in text

    def _render(
        self, messages: Sequence[ChatMessage], tools: Sequence[Tool], values: dict[str, Any]
    ) -> str:
        as_text = any(m.tool_calls for m in messages) and self._arguments_as_text
        return self._render_values(messages, tools, values, as_text=as_text)

    def _render_values(
        self,
        messages: Sequence[ChatMessage],
        tools: Sequence[Tool],
        values: dict[str, Any],
        *,
        as_text: bool,
    ) -> str:
        short_ids = "[TOOL_CALLS]" in self._source
        listed = [tool_values(tool) for tool in tools] if tools else self._no_tools
        said = [message_values(m, arguments_as_text=as_text, short_ids=short_ids) for m in messages]
        if self._content_in_parts:
            said = [in_parts(message) for message in said]
        if tools and "message['tools']" in self._source:
            # Phi 4 mini.
            said = with_tools_in_system(said, tools)
        if "<|channel|>analysis" in self._source and values.get("reasoning_effort") in _LEAST:
            # gpt-oss always thinks, and knows no less than this.
            values = {**values, "reasoning_effort": "low"}
        variables = {
            "documents": None,
            **values,
            "messages": said,
            "tools": listed,
            # What SmolLM 3 calls tools that it calls by JSON.
            "xml_tools": listed,
            **self._constants,
        }
        # A long conversation makes a long prompt: it is refused for its tokens, not here.
        seen = GenerateRequest(id="", messages=tuple(messages), tools=tuple(tools))
        return self._run(variables, MAX_VALUE + 4 * sum(map(len, client_texts(seen))))

    def _run(self, variables: dict[str, Any], largest: int) -> str:
        try:
            return self._template.render(variables, largest)
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


def _variants(messages: list[ChatMessage]) -> Iterator[list[ChatMessage]]:
    """The conversation, and what else may be tried when the template does not take it."""
    variants = [messages]
    if any(len(message.tool_calls) > 1 for message in messages):
        variants.append(split_calls(messages))
    yield from variants
    if any(message.role == "system" for message in messages):
        yield from map(fold_system, variants)


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
