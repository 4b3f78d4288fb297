"""Makes jobs of requests: the prompt's tokens, how the output is read, what constrains it."""

from __future__ import annotations

from hob.engine.job import Job
from hob.engine.output.stream import PlainOutput
from hob.engine.prompt import PromptBuilder
from hob.wire.generate import GenerateRequest


class Assembler:
    """Used by the preparation thread alone."""

    def __init__(self, prompts: PromptBuilder) -> None:
        self._prompts = prompts

    def assemble(self, request: GenerateRequest) -> Job:
        """Raises HobError when the request cannot be run."""
        return Job(self._prompts.build(request), PlainOutput(request.stop))
