"""Makes jobs of requests: the prompt's tokens, how the output is read, what constrains it."""

from __future__ import annotations

from hob.engine.job import Job
from hob.engine.output.stream import PlainOutput
from hob.engine.prompt import PromptBuilder
from hob.engine.text_calls import answer
from hob.wire.calls import Call, CallResult
from hob.wire.generate import GenerateRequest


class Assembler:
    """Used by the preparation thread alone."""

    def __init__(self, prompts: PromptBuilder) -> None:
        self._prompts = prompts

    def assemble(self, request: GenerateRequest) -> Job:
        """Raises HobError when the request cannot be run."""
        return Job(self._prompts.build(request), PlainOutput(request.stop))

    def prefill(self, request: GenerateRequest) -> Job:
        """A job that only reads the beginning of the prompt. Raises HobError."""
        return Job(self._prompts.prefill(request), PlainOutput())

    def answer(self, call: Call) -> CallResult:
        """Raises HobError when the call cannot be answered."""
        return answer(call, self._prompts)
