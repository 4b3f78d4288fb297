"""The preparation thread: a fault in one request is that request's, and never the worker's."""

from __future__ import annotations

from queue import SimpleQueue

import pytest

from hob.engine.assembly import Assembler
from hob.engine.inbox import Prepared, Refused
from hob.engine.job import Job, Prompt
from hob.engine.output.stream import PlainOutput
from hob.engine.preparation import Preparation
from hob.errors import InvalidRequest
from hob.wire.generate import GenerateRequest

OUTPUT = PlainOutput()


class FaultyAssembler(Assembler):
    """Its faults are what the prompt says."""

    def __init__(self) -> None:
        """There is no model behind it."""

    def assemble(self, request: GenerateRequest) -> Job:
        match request.prompt:
            case "refuse":
                raise InvalidRequest("It is refused.")
            case "fault":
                raise ZeroDivisionError
        return Job(Prompt([1, 2, 3], 4), OUTPUT)


def prepare(preparation: Preparation, *prompts: str) -> None:
    preparation.start()
    for prompt in prompts:
        preparation.submit(GenerateRequest(id=prompt, prompt=prompt))
    preparation.close()


def test_a_faulty_request_is_refused_and_the_next_one_is_prepared() -> None:
    posted: SimpleQueue[Prepared | Refused] = SimpleQueue()
    prepare(Preparation(FaultyAssembler, posted.put), "fault", "refuse", "fine")
    fault, refusal, fine = posted.get(), posted.get(), posted.get()
    assert isinstance(fault, Refused)
    assert (fault.id, fault.error.code) == ("fault", "internal")
    assert "hob logs" in fault.error.hint
    assert isinstance(refusal, Refused)
    assert refusal.error.code == "invalid_request"
    assert fine == Prepared("fine", Job(Prompt([1, 2, 3], 4), OUTPUT))


@pytest.mark.filterwarnings("error")
def test_when_nothing_can_be_prepared_each_request_is_told_so() -> None:
    def no_assembler() -> Assembler:
        raise ImportError("no Jinja")

    posted: SimpleQueue[Prepared | Refused] = SimpleQueue()
    prepare(Preparation(no_assembler, posted.put), "one", "two")
    assert [(told.id, type(told)) for told in (posted.get(), posted.get())] == [
        ("one", Refused),
        ("two", Refused),
    ]
