"""What a request leaves out is taken from the profile of the model that it asks."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fakes.ports import model_info
from fakes.running_api import RunningApi
from hob.api.profiled import with_profile
from hob.errors import NameTaken
from hob.wire.base import ErrorInfo
from hob.wire.calls import Embed, Embedded, Prefill, Prefilled, Render, Rendered
from hob.wire.chat import ChatMessage
from hob.wire.generate import AdapterUse, GenerateRequest
from hob.wire.openai.messages import Message
from hob.wire.openai.requests import ChatCompletionRequest
from hob.wire.profiles import Profile, ProfileAdapter

EXAMPLES = (
    ChatMessage(role="user", content="A beginning?"),
    ChatMessage(role="assistant", content="It was night."),
)
HI = {"messages": [{"role": "user", "content": "Hi"}]}


def set_profile(api: RunningApi, **said: Any) -> None:
    """The profile of `tiny`, the chosen model."""
    api.fakes.profiles.known["tiny"] = Profile(name="tiny", model="tiny", **said)


async def asked(
    api: RunningApi, path: str = "/v1/chat/completions", **fields: Any
) -> GenerateRequest:
    body = fields if path != "/v1/chat/completions" else HI | fields
    reply = await api.post(path, body)
    assert reply.status == 200, reply.body
    return api.fakes.models.requests[-1]


def said(request: GenerateRequest) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in request.messages]


async def test_the_chosen_models_profile_counts_where_no_model_is_named(api: RunningApi) -> None:
    set_profile(api, system="Be kind.")
    assert said(await asked(api)) == [("system", "Be kind."), ("user", "Hi")]
    assert said(await asked(api, model="default"))[0] == ("system", "Be kind.")


async def test_a_named_models_profile_counts_and_no_others(api: RunningApi) -> None:
    set_profile(api, system="Be kind.")
    assert said(await asked(api, model="big")) == [("user", "Hi")]
    api.fakes.library.models.append(model_info("writer"))
    api.fakes.profiles.known["writer"] = Profile(name="writer", model="big", system="Write.")
    assert said(await asked(api, model="writ"))[0] == ("system", "Write.")
    assert api.fakes.models.asked[-1] == "writer"


@pytest.mark.parametrize("role", ["system", "developer"])
async def test_instructions_of_the_request_take_the_place_of_the_profiles(
    api: RunningApi, role: str
) -> None:
    set_profile(api, system="Be kind.", examples=EXAMPLES)
    messages = [{"role": role, "content": "Be short."}, *HI["messages"]]
    assert said(await asked(api, messages=messages)) == [
        ("system", "Be short."),
        ("user", "A beginning?"),
        ("assistant", "It was night."),
        ("user", "Hi"),
    ]


async def test_examples_stand_between_the_system_prompt_and_the_conversation(
    api: RunningApi,
) -> None:
    set_profile(api, system="Be kind.", examples=EXAMPLES)
    assert [role for role, _ in said(await asked(api))] == ["system", "user", "assistant", "user"]


async def test_a_chat_without_messages_is_refused_as_ever(api: RunningApi) -> None:
    set_profile(api, system="Be kind.", examples=EXAMPLES)
    reply = await api.post("/v1/chat/completions", {"messages": []})
    assert (reply.status, reply.error["param"]) == (400, "messages")


SET: dict[str, Any] = {
    "sampling": {"temperature": 0.1, "top_k": -1, "seed": 5},
    "max_tokens": 9,
    "stop": ("a", "b"),
    "priority": "background",
    "reasoning_effort": "low",
}


async def test_what_the_request_leaves_out_comes_from_the_profile(api: RunningApi) -> None:
    set_profile(api, **SET)
    request = await asked(api)
    assert (request.sampling.temperature, request.sampling.seed) == (0.1, 5)
    assert request.sampling.top_k == 0
    assert (request.max_tokens, request.stop) == (9, ("a", "b"))
    assert request.priority == "background"
    assert (request.reasoning.effort, request.reasoning.enabled) == ("low", True)


async def test_what_the_request_says_goes_first(api: RunningApi) -> None:
    set_profile(api, **SET)
    request = await asked(
        api, temperature=0, max_tokens=3, priority="normal", reasoning_effort="none"
    )
    assert (request.sampling.temperature, request.sampling.seed) == (0.0, 5)
    assert (request.max_tokens, request.priority) == (3, "normal")
    assert request.reasoning.enabled is False
    assert (await asked(api, max_completion_tokens=4)).max_tokens == 4
    for own in (
        {"reasoning": {"enabled": False}},
        {"chat_template_kwargs": {"enable_thinking": 0}},
    ):
        assert (await asked(api, **own)).reasoning.effort is None


@pytest.mark.parametrize(
    ("own", "stops"),
    [
        ("x", ("x", "a", "b")),
        (["b", "c"], ("b", "c", "a")),
        ([], ()),
        ([str(n) for n in range(16)], tuple(str(n) for n in range(16))),
    ],
)
async def test_stop_strings_add_up_unless_there_shall_be_none(
    api: RunningApi, own: Any, stops: tuple[str, ...]
) -> None:
    set_profile(api, stop=("a", "b"))
    assert (await asked(api, stop=own)).stop == stops


async def test_too_many_stop_strings_are_refused_as_ever(api: RunningApi) -> None:
    set_profile(api, stop=("a",))
    reply = await api.post("/v1/chat/completions", HI | {"stop": ["x"] * 17})
    assert (reply.status, reply.error["param"]) == (400, "stop")


async def test_the_header_goes_before_the_profiles_priority(api: RunningApi) -> None:
    set_profile(api, priority="background")
    headers = {"X-Hob-Priority": "interactive"}
    await api.post("/v1/chat/completions", HI, headers=headers)
    assert api.fakes.models.requests[-1].priority == "interactive"


async def test_adapters_come_from_the_profile_unless_the_request_names_some(
    api: RunningApi,
) -> None:
    api.fakes.library.adapters = {"style": "/m/style.gguf", "/p/mine.gguf": "/p/mine.gguf"}
    adapters = (ProfileAdapter(name="style", scale=0.5), ProfileAdapter(name="/p/mine.gguf"))
    set_profile(api, adapters=adapters)
    assert (await asked(api)).adapters == (
        AdapterUse(path="/m/style.gguf", scale=0.5),
        AdapterUse(path="/p/mine.gguf"),
    )
    assert (await asked(api, lora=[])).adapters == ()


async def test_an_adapter_that_is_gone_is_told(api: RunningApi) -> None:
    set_profile(api, adapters=(ProfileAdapter(name="gone"),))
    reply = await api.post("/v1/chat/completions", HI)
    assert (reply.status, reply.error["param"]) == (404, "lora")


async def test_plain_completions_get_all_but_the_messages(api: RunningApi) -> None:
    set_profile(api, system="Be kind.", examples=EXAMPLES, **SET)
    request = await asked(api, "/v1/completions", prompt="Once")
    assert (request.prompt, request.messages) == ("Once", ())
    assert (request.sampling.temperature, request.max_tokens) == (0.1, 9)
    assert (request.stop, request.priority) == (("a", "b"), "background")


async def test_infilling_is_filled_as_well(api: RunningApi) -> None:
    set_profile(api, **SET)
    request = await asked(api, "/hob/v1/infill", prefix="a", suffix="b")
    assert (request.prompt, request.suffix, request.sampling.seed) == ("a", "b", 5)


@pytest.mark.parametrize("path", ["/hob/v1/apply-template", "/hob/v1/count-tokens"])
async def test_the_system_prompt_counts_as_a_part_of_the_prompt(api: RunningApi, path: str) -> None:
    set_profile(api, system="Be kind.")
    api.fakes.models.results = [Rendered(text="x", tokens=(1,))]
    assert (await api.post(path, HI)).status == 200
    (call,) = api.fakes.models.calls
    assert isinstance(call, Render)
    assert said(call.request)[0] == ("system", "Be kind.")


async def test_what_is_read_ahead_is_what_will_be_asked(api: RunningApi) -> None:
    set_profile(api, system="Be kind.", examples=EXAMPLES, priority="interactive")
    api.fakes.models.results = [Prefilled(prompt_tokens=1, cached_tokens=0)]
    assert (await api.post("/hob/v1/prefill", HI)).status == 200
    (call,) = api.fakes.models.calls
    assert isinstance(call, Prefill)
    assert said(call.request) == said(await asked(api))
    assert call.priority == "background"


async def test_the_profile_says_how_long_the_model_stays(api: RunningApi) -> None:
    set_profile(api, keep_alive=-1.0)
    await asked(api)
    await asked(api, "/v1/completions", prompt="x")
    await asked(api, keep_alive="5m")
    await asked(api, keep_alive=0)
    assert api.fakes.models.kept == [-1.0, -1.0, 300.0, 0.0]


async def test_embeddings_are_made_as_their_models_profile_says(api: RunningApi) -> None:
    set_profile(api, priority="background", keep_alive=60.0)
    vector = b"\0\0\0\0"
    for model, priority in (("tiny", "background"), ("big", "normal")):
        api.fakes.models.results = [Embedded(vectors=(vector,), tokens=(1,))]
        assert (await api.post("/v1/embeddings", {"input": "x", "model": model})).status == 200
        call = api.fakes.models.calls[-1]
        assert isinstance(call, Embed)
        assert call.priority == priority
    assert api.fakes.models.kept == [60.0, None]


def test_a_body_is_the_same_under_a_profile_that_says_nothing() -> None:
    body = ChatCompletionRequest(messages=[Message(role="user", content="Hi")])
    assert with_profile(body, Profile(name="a", model="b", max_tokens=None)) == body


async def test_profiles_are_listed_with_their_problems(api: RunningApi) -> None:
    wrong = ErrorInfo(code="profile_invalid", message="No.")
    api.fakes.profiles.known["bad"] = Profile(name="bad", model="", problem=wrong)
    set_profile(api, system="Be kind.")
    reply = await api.get("/hob/v1/models/profiles")
    bad, tiny = reply.json()["profiles"]
    assert bad["problem"]["message"] == "No."
    assert (tiny["name"], tiny["system"]) == ("tiny", "Be kind.")
    assert api.fakes.library.rescans == 0
    await api.get("/hob/v1/models/profiles?rescan=1")
    assert api.fakes.library.rescans == 1


async def test_a_new_profile_is_written_and_told_with_its_file(api: RunningApi) -> None:
    body = {"name": "writer", "model": "tiny", "system": "Write."}
    reply = await api.post("/hob/v1/models/profiles/new", body)
    assert reply.json()["path"] == "/models/writer.toml"
    api.fakes.profiles.problem = NameTaken("It is there.", param="name")
    reply = await api.post("/hob/v1/models/profiles/new", body)
    assert (reply.status, reply.error["code"]) == (409, "name_taken")


async def test_the_list_of_models_says_which_are_made_of_others(api: RunningApi) -> None:
    made = model_info("writer")
    api.fakes.library.models.append(msgspec.structs.replace(made, base="tiny"))
    cards = {card["id"]: card for card in (await api.get("/v1/models")).json()["data"]}
    assert cards["writer"]["parent"] == "tiny"
    assert "parent" not in cards["tiny"]
