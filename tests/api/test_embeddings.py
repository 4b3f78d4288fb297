"""/v1/embeddings and /v1/rerank, with fakes behind them."""

from __future__ import annotations

import asyncio
import base64
import struct
from typing import Any

import httpx2
import msgspec
import openai
import pytest
from msgspec.structs import replace

from fakes.ports import model_info
from fakes.running_api import RunningApi
from hob.api.openai.embeddings import encode_reply
from hob.errors import ContextOverflow
from hob.wire.calls import Embed, Embedded, PlainText, Ranked, Rerank
from hob.wire.models import Capability, ModelInfo


def vector(*numbers: float) -> bytes:
    return struct.pack(f"<{len(numbers)}f", *numbers)


def info(name: str, *capabilities: Capability) -> ModelInfo:
    return msgspec.structs.replace(model_info(name), capabilities=capabilities)


@pytest.fixture
def library(api: RunningApi) -> list[ModelInfo]:
    """A chat model, which is the chosen one, and one each for vectors and ranks."""
    models = api.fakes.library.models
    models[:] = [
        info("tiny", "chat", "completion"),
        info("minilm", "embedding"),
        info("ranker", "reranking"),
    ]
    return models


@pytest.fixture(autouse=True)
def results(api: RunningApi) -> list[Any]:
    api.fakes.models.results = [Embedded(vectors=(vector(0.5, -2), vector(1, 0)), tokens=(3, 4))]
    return api.fakes.models.results


def asked(api: RunningApi) -> Any:
    (call,) = api.fakes.models.calls
    return call


async def test_texts_become_vectors(api: RunningApi, library: list[ModelInfo]) -> None:
    reply = await api.post("/v1/embeddings", {"input": ["a", "b"], "model": "minilm"})
    assert reply.json() == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5, -2]},
            {"object": "embedding", "index": 1, "embedding": [1, 0]},
        ],
        "model": "minilm",
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    }
    assert asked(api).inputs == ("a", "b")
    assert api.fakes.models.asked == ["minilm"]


async def test_vectors_come_as_base64_when_asked(api: RunningApi, library: list[ModelInfo]) -> None:
    body = {"input": ["a", "b"], "encoding_format": "base64", "dimensions": 2}
    reply = await api.post("/v1/embeddings", body, headers={"X-Hob-Priority": "background"})
    text = reply.json()["data"][0]["embedding"]
    assert base64.b64decode(text) == vector(0.5, -2)
    assert (asked(api).dimensions, asked(api).priority) == (2, "background")


@pytest.mark.parametrize("encoding", ["float", "base64", None])
async def test_the_sdk_reads_either_form(
    api: RunningApi, library: list[ModelInfo], encoding: Any
) -> None:
    transport = httpx2.AsyncHTTPTransport(uds=str(api.socket))
    client = httpx2.AsyncClient(transport=transport)
    async with openai.AsyncOpenAI(
        base_url="http://localhost/v1", api_key="x", http_client=client
    ) as sdk:
        wanted = encoding or openai.omit
        reply = await sdk.embeddings.create(
            model="minilm", input=["a", "b"], encoding_format=wanted
        )
    if encoding != "base64":
        assert reply.data[0].embedding == [0.5, -2]
    assert reply.usage.total_tokens == 7


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("a", ("a",)),
        (["a"], ("a",)),
        ([1, 2], ((1, 2),)),
        ([[1], [2, 3]], ((1,), (2, 3))),
        (["a", [1]], ("a", (1,))),
    ],
)
async def test_an_input_is_text_or_tokens_or_a_list_of_such(
    api: RunningApi, library: list[ModelInfo], given: Any, inputs: Any, results: list[Any]
) -> None:
    results[:] = [Embedded(vectors=(vector(1),) * len(inputs), tokens=(1,) * len(inputs))]
    reply = await api.post("/v1/embeddings", {"input": given})
    assert reply.status == 200
    assert asked(api).inputs == inputs


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input[1]"),
        ({"input": [[]]}, "input"),
        ({"input": [1, "a"]}, "input"),
        ({"input": [1, [2]]}, "input"),
        ({"input": [-1]}, "input"),
        ({"input": ["a"] * 2_049}, "input"),
        ({"input": 5}, "input"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
    ],
)
async def test_what_cannot_be_embedded_is_refused_by_its_field(
    api: RunningApi, library: list[ModelInfo], body: Any, param: str
) -> None:
    reply = await api.post("/v1/embeddings", body)
    assert (reply.status, reply.error["param"]) == (400, param)
    assert api.fakes.models.calls == []


async def test_an_input_that_is_too_long_is_an_error_of_the_caller(
    api: RunningApi, library: list[ModelInfo]
) -> None:
    api.fakes.models.problem = ContextOverflow("Input 1 is too long.", param="input[1]")
    reply = await api.post("/v1/embeddings", {"input": ["a", "b"]})
    assert (reply.status, reply.error["code"]) == (400, "context_length_exceeded")


@pytest.mark.parametrize("model", [None, "", "default"])
async def test_the_only_model_for_it_is_taken_when_none_is_named(
    api: RunningApi, library: list[ModelInfo], model: str | None
) -> None:
    reply = await api.post("/v1/embeddings", {"input": ["a", "b"], "model": model})
    assert reply.json()["model"] == "minilm"
    assert api.fakes.models.asked == ["minilm"]


async def test_a_profile_of_the_only_model_is_no_second_one(
    api: RunningApi, library: list[ModelInfo]
) -> None:
    library.append(replace(info("searcher", "embedding"), base="minilm"))
    reply = await api.post("/v1/embeddings", {"input": ["a", "b"]})
    assert reply.json()["model"] == "minilm"


async def test_of_several_models_one_must_be_named(
    api: RunningApi, library: list[ModelInfo]
) -> None:
    library += [info(f"more-{number}", "embedding") for number in range(6)]
    reply = await api.post("/v1/embeddings", {"input": "a"})
    assert (reply.status, reply.error["code"]) == (409, "model_ambiguous")
    assert "minilm, more-0, more-1, more-2, more-3 and 2 more" in reply.error["message"]


async def test_the_chosen_model_goes_before_others_that_can(
    api: RunningApi, library: list[ModelInfo]
) -> None:
    library[0] = info("tiny", "embedding")
    reply = await api.post("/v1/embeddings", {"input": ["a", "b"]})
    assert reply.json()["model"] == "tiny"


async def test_without_a_model_for_it_the_reply_says_what_to_get(
    api: RunningApi, library: list[ModelInfo]
) -> None:
    del library[1:]
    reply = await api.post("/v1/embeddings", {"input": "a"})
    assert (reply.status, reply.error["code"]) == (503, "no_models")
    assert "makes embeddings" in reply.error["message"]


async def test_a_model_that_cannot_is_not_loaded_and_others_are_named(
    api: RunningApi, library: list[ModelInfo]
) -> None:
    reply = await api.post("/v1/embeddings", {"input": "a", "model": "tiny"})
    assert (reply.status, reply.error["code"]) == (400, "unsupported_parameter")
    assert "minilm" in reply.error["message"]
    assert api.fakes.models.calls == []
    reply = await api.post("/v1/rerank", {"query": "a", "documents": ["b"], "model": "tiny"})
    assert "ranker" in reply.error["message"]


async def test_a_model_of_which_nothing_is_known_is_tried(api: RunningApi) -> None:
    await api.post("/v1/embeddings", {"input": ["a", "b"], "model": "big"})
    assert api.fakes.models.asked == ["big"]


async def test_a_client_that_leaves_takes_its_call_back(
    api: RunningApi, library: list[ModelInfo], results: list[Any]
) -> None:
    results.insert(0, asyncio.Event())
    waiting = asyncio.ensure_future(api.post("/v1/embeddings", {"input": "a"}))
    await api.fakes.models.entered.wait()
    waiting.cancel()
    await asyncio.wait_for(api.fakes.models.left.wait(), 10)


@pytest.mark.parametrize("result", [PlainText(text="x"), Embedded(vectors=(), tokens=())])
async def test_a_result_of_another_kind_is_a_fault_of_the_engine(
    api: RunningApi, library: list[ModelInfo], results: list[Any], result: Any
) -> None:
    results[:] = [result]
    reply = await api.post("/v1/embeddings", {"input": "a"})
    assert reply.error["code"] == "protocol_error"


async def test_nothing_new_is_taken_while_the_daemon_stops(
    api: RunningApi, library: list[ModelInfo]
) -> None:
    api.fakes.daemon.stopping = True
    assert (await api.post("/v1/embeddings", {"input": "a"})).error["code"] == "shutting_down"
    body = {"query": "q", "documents": ["a"]}
    assert (await api.post("/hob/v1/rerank", body)).error["code"] == "shutting_down"


async def test_others_get_their_turn_while_a_large_reply_is_written() -> None:
    result = Embedded(vectors=(vector(*[0.1] * 384),) * 2_048, tokens=(1,) * 2_048)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.ensure_future(other())
    reply = msgspec.json.decode(await encode_reply("m", result, "float"))
    task.cancel()
    assert len(reply["data"]) == 2_048
    assert turns >= 10


DOCUMENTS = ["one", {"text": "two"}, "three"]


@pytest.mark.parametrize("path", ["/v1/rerank", "/hob/v1/rerank"])
async def test_documents_are_ranked_the_best_first(
    api: RunningApi, library: list[ModelInfo], results: list[Any], path: str
) -> None:
    results[:] = [Ranked(scores=(-1.5, 7, -1.5), tokens=(4, 5, 6))]
    reply = (await api.post(path, {"query": "q", "documents": DOCUMENTS})).json()
    assert reply["results"] == [
        {"index": 1, "relevance_score": 7},
        {"index": 0, "relevance_score": -1.5},
        {"index": 2, "relevance_score": -1.5},
    ]
    assert (reply["model"], reply["object"]) == ("ranker", "list")
    assert reply["usage"] == {"prompt_tokens": 15, "total_tokens": 15}
    call = asked(api)
    assert isinstance(call, Rerank)
    assert (call.query, call.documents) == ("q", ("one", "two", "three"))


async def test_the_best_few_come_with_their_text_when_asked(
    api: RunningApi, library: list[ModelInfo], results: list[Any]
) -> None:
    results[:] = [Ranked(scores=(1, 3, 2), tokens=(4, 5, 6))]
    body = {"query": "q", "documents": DOCUMENTS, "top_n": 2, "return_documents": True}
    reply = await api.post("/v1/rerank", body)
    assert reply.json()["results"] == [
        {"index": 1, "relevance_score": 3, "document": {"text": "two"}},
        {"index": 2, "relevance_score": 2, "document": {"text": "three"}},
    ]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"documents": ["a"]}, "query"),
        ({"query": "q"}, "documents"),
        ({"query": "", "documents": ["a"]}, "query"),
        ({"query": "q", "documents": []}, "documents"),
        ({"query": "q", "documents": ["a", {"text": ""}]}, "documents[1]"),
        ({"query": "q", "documents": [{"title": "a"}]}, "documents"),
        ({"query": "q", "documents": ["a"] * 2_049}, "documents"),
        ({"query": "q", "documents": ["a"], "top_n": 0}, "top_n"),
    ],
)
async def test_what_cannot_be_ranked_is_refused_by_its_field(
    api: RunningApi, library: list[ModelInfo], body: Any, param: str
) -> None:
    reply = await api.post("/v1/rerank", body)
    assert (reply.status, reply.error["param"]) == (400, param)


async def test_scores_for_other_documents_are_a_fault_of_the_engine(
    api: RunningApi, library: list[ModelInfo], results: list[Any]
) -> None:
    results[:] = [Ranked(scores=(1,), tokens=(4,))]
    reply = await api.post("/v1/rerank", {"query": "q", "documents": DOCUMENTS})
    assert reply.error["code"] == "protocol_error"


async def test_each_call_has_an_id_of_its_own(
    api: RunningApi, library: list[ModelInfo], results: list[Any]
) -> None:
    results[:] = [Embedded(vectors=(vector(1),), tokens=(1,))] * 2
    for _ in range(2):
        await api.post("/v1/embeddings", {"input": "a"})
    first, second = api.fakes.models.calls
    assert isinstance(first, Embed)
    assert first.id != second.id
