"""The preparation thread: a fault in one request is that request's, and never the worker's."""

from __future__ import annotations

from queue import SimpleQueue

import pytest

from hob.engine.inbox import Prepared, Refused
from hob.engine.preparation import Preparation
from hob.engine.prompt import Prompt, PromptBuilder
from hob.errors import InvalidRequest
from hob.wire.generate import GenerateRequest


class FaultyBuilder(PromptBuilder):
    """Its faults are what the prompt says."""

    def __init__(self) -> None:
        """There is no vocabulary behind it."""

    def build(self, request: GenerateRequest) -> Prompt:
        match request.prompt:
            case "refuse":
                raise InvalidRequest("It is refused.")
            case "fault":
                raise ZeroDivisionError
        return Prompt([1, 2, 3], 4)


def prepare(preparation: Preparation, *prompts: str) -> None:
    preparation.start()
    for prompt in prompts:
        preparation.submit(GenerateRequest(id=prompt, prompt=prompt))
    preparation.close()


def test_a_faulty_request_is_refused_and_the_next_one_is_prepared() -> None:
    posted: SimpleQueue[Prepared | Refused] = SimpleQueue()
    prepare(Preparation(FaultyBuilder, posted.put), "fault", "refuse", "fine")
    fault, refusal, fine = posted.get(), posted.get(), posted.get()
    assert isinstance(fault, Refused)
    assert (fault.id, fault.error.code) == ("fault", "internal")
    assert "hob logs" in fault.error.hint
    assert isinstance(refusal, Refused)
    assert refusal.error.code == "invalid_request"
    assert fine == Prepared("fine", [1, 2, 3], 4)


@pytest.mark.filterwarnings("error")
def test_when_nothing_can_be_prepared_each_request_is_told_so() -> None:
    def no_builder() -> PromptBuilder:
        raise ImportError("no Jinja")

    posted: SimpleQueue[Prepared | Refused] = SimpleQueue()
    prepare(Preparation(no_builder, posted.put), "one", "two")
    assert [(told.id, type(told)) for told in (posted.get(), posted.get())] == [
        ("one", Refused),
        ("two", Refused),
    ]
