"""Makes jobs of requests: the prompt's tokens, how the output is read, what constrains it."""

from __future__ import annotations

import dataclasses
from typing import Protocol

from hob.engine.job import Job, Prompt, ThoughtBudget
from hob.engine.output.call_grammar import Thinking, call_grammar
from hob.engine.output.format import Ask, Format
from hob.engine.output.formats import GENERIC
from hob.engine.output.marks import MarkTable
from hob.engine.output.parsed import ParsedOutput
from hob.engine.output.stream import Output, PlainOutput
from hob.engine.prompts.prompt import PromptBuilder
from hob.engine.prompts.template_values import thinking_asked
from hob.engine.prompts.text_calls import answer
from hob.engine.prompts.tools import callable_tools, check_tools, must_call
from hob.engine.runtime import Matcher
from hob.wire.calls import Call, CallResult
from hob.wire.constraint import Constraint
from hob.wire.generate import GenerateRequest


class Constraints(Protocol):
    """Makes matchers; hob.engine.grammar has them for a real vocabulary."""

    def matcher(self, constraint: Constraint, *, after: str = "", param: str = "") -> Matcher:
        """Holds an answer to `constraint`, once the text `after` has come. Raises InvalidRequest
        about the field `param` for a constraint that cannot be kept."""


class Assembler:
    """Used by the preparation thread alone."""

    def __init__(
        self, prompts: PromptBuilder, form: Format, constraints: Constraints, marks: MarkTable
    ) -> None:
        self._prompts = prompts
        self._form = form
        self._constraints = constraints
        self._marks = marks

    def assemble(self, request: GenerateRequest) -> Job:
        """Raises HobError when the request cannot be run."""
        check_tools(request)
        prompt = self._prompts.build(request)
        if not request.messages:
            return Job(prompt, PlainOutput(request.stop), self._matcher(request, "no"))
        thinking = self._thinking(prompt, request)
        return Job(
            prompt,
            self._output(request, thinking),
            self._matcher(request, thinking),
            self._budget(request),
        )

    def prefill(self, request: GenerateRequest) -> Job:
        """A job that only reads the beginning of the prompt. Raises HobError."""
        return Job(self._prompts.prefill(request), PlainOutput())

    def answer(self, call: Call) -> CallResult:
        """Raises HobError when the call cannot be answered."""
        return answer(call, self._prompts)

    def _thinking(self, prompt: Prompt, request: GenerateRequest) -> Thinking:
        """The end of the prompt shows it: the template has opened the thoughts, or closed them, or
        has left it to the model."""
        thoughts = self._form.thoughts
        if thoughts is None:
            return "no"
        tail = self._marks.tail(prompt.tokens).rstrip()
        if tail.endswith(thoughts.open):
            return "inside"
        if tail.endswith(thoughts.close) and not self._form.channels:
            return "no"
        return "maybe" if thinking_asked(request, default=thoughts.by_default) else "no"

    def _output(self, request: GenerateRequest, thinking: Thinking) -> Output:
        form = self._form
        tools = callable_tools(request)
        if not (tools or form.thoughts):
            return PlainOutput(request.stop)
        thoughts = form.thoughts
        marks = form.marks if tools or form.channels else ()
        marks += (thoughts.open, thoughts.close) if thoughts else ()
        return ParsedOutput(
            form,
            Ask(tools, separate=request.reasoning.separate, inside=thinking == "inside"),
            request.stop,
            most_calls=None if request.parallel_tool_calls else 1,
            controls=tuple(mark for mark in marks if self._marks.control(mark) is not None),
            is_control=self._marks.is_control_text,
        )

    def _matcher(self, request: GenerateRequest, thinking: Thinking) -> Matcher | None:
        if request.messages and must_call(request):
            grammar = call_grammar(
                self._form,
                callable_tools(request),
                self._marks,
                parallel=request.parallel_tool_calls and request.tool_choice.mode != "named",
                thinking=thinking,
            )
            return self._constraints.matcher(grammar, param="tools")
        if request.constraint is None:
            return None
        thoughts = self._form.thoughts
        after = thoughts.answer if thoughts and thinking != "no" else ""
        return self._constraints.matcher(request.constraint, after=after)

    def _budget(self, request: GenerateRequest) -> ThoughtBudget | None:
        tokens, thoughts = request.reasoning.budget, self._form.thoughts
        if tokens is None or thoughts is None:
            return None
        closing = thoughts.closing
        if thoughts.closing_to_call and callable_tools(request):
            closing = thoughts.closing_to_call
        return ThoughtBudget(tokens, tuple(self._marks.tokenize(closing)))


def for_template(form: Format, *, takes_tools: bool, thinks: bool = True) -> Format:
    """The format of a model whose template may not take tools after all: it is then told to write
    the generic one. `thinks`: it does so unasked."""
    thoughts = form.thoughts and dataclasses.replace(form.thoughts, by_default=thinks)
    if not (takes_tools or form.channels):
        form = GENERIC
    return dataclasses.replace(form, thoughts=thoughts)
