"""The preparation thread: a fault in one request is that request's, and never the worker's."""

from __future__ import annotations

from queue import SimpleQueue

import pytest

from hob.engine.assembly import Assembler
from hob.engine.inbox import Prepared, Refused
from hob.engine.job import Job, Prompt
from hob.engine.output.stream import PlainOutput
from hob.engine.preparation import Preparation, Work
from hob.errors import InvalidRequest
from hob.wire.calls import Call, Detokenize, PlainText, Prefill
from hob.wire.engine import Failed, Returned
from hob.wire.generate import GenerateRequest

OUTPUT = PlainOutput()
JOB = Job(Prompt([1, 2, 3], 4), OUTPUT)
PREFILL = Job(Prompt([1, 2], 1), OUTPUT)

Told = Prepared | Refused | Returned | Failed


class FaultyAssembler(Assembler):
    """Its faults are what the prompt or the call's id says."""

    def __init__(self) -> None:
        """There is no model behind it."""

    def assemble(self, request: GenerateRequest) -> Job:
        fail(request.id)
        return JOB

    def prefill(self, request: GenerateRequest) -> Job:
        fail(request.id)
        return PREFILL

    def answer(self, call: Call) -> PlainText:
        fail(call.id)
        return PlainText(text="fine")


def fail(id: str) -> None:
    match id:
        case "refuse":
            raise InvalidRequest("It is refused.")
        case "fault":
            raise ZeroDivisionError


def request(id: str) -> GenerateRequest:
    return GenerateRequest(id=id, prompt="x")


def prefill(id: str) -> Prefill:
    return Prefill(id=id, request=request(id))


def call(id: str) -> Detokenize:
    return Detokenize(id=id, tokens=())


def run(preparation: Preparation, *works: Work) -> None:
    preparation.start()
    for work in works:
        preparation.submit(work)
    preparation.close()


def prepare(*works: Work) -> tuple[list[Told], list[Told]]:
    """What was posted to the loop, and what was sent."""
    posted: SimpleQueue[Told] = SimpleQueue()
    sent: SimpleQueue[Told] = SimpleQueue()
    run(Preparation(FaultyAssembler, posted.put, sent.put), *works)
    return [posted.get() for _n in range(posted.qsize())], [
        sent.get() for _n in range(sent.qsize())
    ]


@pytest.mark.parametrize(("make", "job"), [(request, JOB), (prefill, PREFILL)])
def test_a_faulty_request_is_refused_and_the_next_one_is_prepared(make: object, job: Job) -> None:
    assert callable(make)
    (fault, refusal, fine), sent = prepare(make("fault"), make("refuse"), make("fine"))
    assert isinstance(fault, Refused)
    assert (fault.id, fault.error.code) == ("fault", "internal")
    assert "hob logs" in fault.error.hint
    assert isinstance(refusal, Refused)
    assert refusal.error.code == "invalid_request"
    assert fine == Prepared("fine", job)
    assert sent == []


def test_a_call_is_answered_or_has_failed_and_the_loop_never_hears_of_it() -> None:
    posted, (fault, refusal, fine) = prepare(call("fault"), call("refuse"), call("fine"))
    assert isinstance(fault, Failed)
    assert (fault.id, fault.error.code) == ("fault", "internal")
    assert isinstance(refusal, Failed)
    assert refusal.error.code == "invalid_request"
    assert fine == Returned(id="fine", result=PlainText(text="fine"))
    assert posted == []


@pytest.mark.filterwarnings("error")
def test_when_nothing_can_be_prepared_each_request_is_told_so() -> None:
    def no_assembler() -> Assembler:
        raise ImportError("no Jinja")

    told: SimpleQueue[Told] = SimpleQueue()
    works = (request("one"), prefill("two"), call("three"))
    run(Preparation(no_assembler, told.put, told.put), *works)
    assert [(answer.id, type(answer)) for answer in (told.get(), told.get(), told.get())] == [
        ("one", Refused),
        ("two", Refused),
        ("three", Failed),
    ]
