"""Errors as HTTP: every code has a status, every dialect its envelope."""

from __future__ import annotations

import msgspec
import pytest

from fakes.running_api import RunningApi
from hob.api.envelopes import STATUS, dialect_of, error_response, render_error, status_of
from hob.errors import (
    HobError,
    InvalidRequest,
    ModelNotFound,
    Overloaded,
    ShuttingDown,
    Unauthorized,
    error_classes,
)
from hob.wire.base import ErrorReply


def test_every_error_has_a_status() -> None:
    assert set(STATUS) == set(error_classes())
    assert all(400 <= status < 600 for status in STATUS.values())


def test_only_what_nobody_foresaw_is_a_500() -> None:
    assert [code for code, status in STATUS.items() if status == 500] == ["internal"]


def test_the_native_envelope_brings_the_same_error_back() -> None:
    error = ModelNotFound("There is none.", hint="Look.", param="model", count=0)
    back = msgspec.json.decode(render_error(error, "native"), type=ErrorReply).error.error()
    assert type(back) is ModelNotFound
    assert (back.message, back.hint, back.param, back.details) == (
        "There is none.",
        "Look.",
        "model",
        {"count": 0},
    )


def test_the_openai_envelope_has_the_hint_in_its_message() -> None:
    error = InvalidRequest("It is wrong.", hint="Make it right.", param="n")
    assert msgspec.json.decode(render_error(error, "openai")) == {
        "error": {
            "message": "It is wrong. Make it right.",
            "type": "invalid_request_error",
            "param": "n",
            "code": "invalid_request",
        }
    }


@pytest.mark.parametrize(
    ("error", "type_"),
    [
        (Unauthorized("x"), "authentication_error"),
        (error_classes()["forbidden_host"]("x"), "permission_error"),
        (Overloaded("x"), "rate_limit_error"),
        (error_classes()["worker_died"]("x"), "server_error"),
        (ModelNotFound("x"), "invalid_request_error"),
    ],
)
def test_the_openai_type_follows_the_status(error: HobError, type_: str) -> None:
    assert msgspec.json.decode(render_error(error, "openai"))["error"]["type"] == type_


def test_headers_say_when_to_ask_again_and_what_to_show() -> None:
    assert error_response(ShuttingDown("x"), "native").headers["Retry-After"] == "2"
    assert error_response(Overloaded("x", retry_after=7), "native").headers["Retry-After"] == "7"
    assert error_response(Unauthorized("x"), "native").headers["WWW-Authenticate"] == "Bearer"
    assert error_response(ModelNotFound("x"), "openai").headers["X-Should-Retry"] == "false"


def test_an_error_that_quotes_bytes_that_are_not_text_can_still_be_sent() -> None:
    error = InvalidRequest("\udcff is odd.", given="\udcff")
    body = msgspec.json.decode(render_error(error, "native"))
    assert body["error"]["message"] == "\\udcff is odd."
    assert body["error"]["details"] == {"given": "\\udcff"}


def test_an_unknown_error_class_is_still_answered() -> None:
    assert status_of(HobError("x")) == 500


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1/models", "openai"),
        ("/v1", "openai"),
        ("/v1x", "native"),
        ("/hob/v1/status", "native"),
        ("/", "native"),
    ],
)
def test_the_path_tells_the_dialect(path: str, dialect: str) -> None:
    assert dialect_of(path) == dialect


async def test_unknown_routes_and_methods_have_the_envelope_too(api: RunningApi) -> None:
    reply = await api.get("/hob/v1/nothing")
    assert (reply.status, reply.error["code"]) == (404, "route_not_found")
    reply = await api.get("/v1/nothing")
    assert (reply.status, reply.error["code"]) == (404, "route_not_found")
    assert reply.error["type"] == "invalid_request_error"
    reply = await api.request("DELETE", "/hob/v1/status")
    assert (reply.status, reply.error["code"]) == (405, "method_not_allowed")
    assert reply.headers["Allow"] == "GET, HEAD"


async def test_an_unforeseen_failure_says_nothing_of_the_inside_but_is_logged(
    api: RunningApi, caplog: pytest.LogCaptureFixture
) -> None:
    api.fakes.daemon.problem = RuntimeError("the secret inside")
    reply = await api.get("/hob/v1/status")
    assert (reply.status, reply.error["code"]) == (500, "internal")
    assert b"secret" not in reply.body
    assert "the secret inside" in caplog.text


async def test_an_unforeseen_failure_in_mid_stream_is_told_in_the_stream(api: RunningApi) -> None:
    api.fakes.models.steps = ["Hel", RuntimeError("the secret inside")]
    for n in (1, 2):
        reply = await api.chat(stream=True, n=n)
        assert reply.events()[-1]["error"]["code"] == "internal"
        assert reply.body.endswith(b"broken")
        assert b"secret" not in reply.body
