"""What no proper client sends: broken HTTP, broken JSON, too much of either."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import logging
import resource
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fakes.running_api import LIMIT_S, RunningApi, running_api
from hob.api.app import ApiOptions

MAX_BODY = 100_000
POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
JSON = b"Content-Type: application/json\r\n"
BODY = b'{"messages":[{"role":"user","content":"Hi"}]}'
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
async def api(short_folder: Path) -> AsyncIterator[RunningApi]:
    options = ApiOptions(max_body_bytes=MAX_BODY, body_idle_s=0.05)
    async with running_api(short_folder, options) as running:
        yield running


def _post(body: bytes, headers: bytes = JSON) -> bytes:
    return POST + headers + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def _status(reply: bytes) -> int:
    return int(reply.split(b" ", 2)[1])


@pytest.mark.parametrize(
    "request_",
    {
        "length and chunks": POST + JSON + LENGTH + CHUNKED + b"0\r\n\r\n",
        "two lengths": POST + JSON + LENGTH + b"Content-Length: 3\r\n\r\n" + BODY,
        "negative length": POST + JSON + b"Content-Length: -3\r\n\r\n" + BODY,
        "endless length": POST + JSON + b"Content-Length: 99999999999999999999\r\n\r\n",
        "chunk size that is no number": POST + JSON + CHUNKED + b"ZZ\r\nabc\r\n0\r\n\r\n",
        "negative chunk size": POST + JSON + CHUNKED + b"-5\r\nabcde\r\n0\r\n\r\n",
        "chunk longer than it says": POST + JSON + CHUNKED + b"2\r\nabcde\r\n0\r\n\r\n",
        "unknown transfer encoding": POST + JSON + b"Transfer-Encoding: gzip\r\n\r\nabc",
        "no host": b"GET / HTTP/1.1\r\n\r\n",
        "two hosts": GET + b"Host: y\r\n\r\n",
        "control character in the path": b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        "bytes in the path": b"GET /v1/models/\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        "control character in a header": GET + b"A: \x00\r\n\r\n",
        "unknown method": b"FOO / HTTP/1.1\r\nHost: x\r\n\r\n",
        "another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 10,
        "port out of range": b"GET http://a:999999/ HTTP/1.1\r\nHost: x\r\n\r\n",
    }.items(),
    ids=lambda item: item[0],
)
async def test_broken_http_is_a_400_and_one_line_in_the_log(
    api: RunningApi, request_: tuple[str, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert _status(await api.raw(request_[1])) == 400
    assert not [record for record in caplog.records if record.exc_info]
    assert not api.fakes.models.requests


@pytest.mark.parametrize(
    "head",
    [
        GET + b"A: " + b"a" * 1_000_000 + b"\r\n\r\n",
        GET + b"A: b\r\n" * 200_000 + b"\r\n",
        b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=["one header", "many headers", "path"],
)
async def test_a_head_of_a_megabyte_is_refused_at_once(api: RunningApi, head: bytes) -> None:
    # The server closes before it has read all, and then the kernel may drop its reply.
    with contextlib.suppress(ConnectionError):
        assert _status(await api.raw(head)) == 400
    assert (await api.get("/")).status == 200


@pytest.mark.parametrize("rest", [b"ZZ\r\nabc", b"2\r\nabcdefgh\r\n0\r\n\r\n"])
async def test_chunks_that_break_later_do_not_hang(api: RunningApi, rest: bytes) -> None:
    async with api.connection() as (reader, writer):
        writer.write(POST + JSON + CHUNKED + b"1\r\n{\r\n")
        await writer.drain()
        writer.write(rest)
        async with asyncio.timeout(LIMIT_S):
            assert _status(await reader.readuntil(b"\r\n")) == 400


async def test_a_body_that_stops_coming_is_refused(api: RunningApi) -> None:
    reply = await api.raw(POST + JSON + LENGTH + b"\r\n" + BODY[:5])
    assert _status(reply) == 400
    assert b"did not arrive in time" in reply


@pytest.mark.parametrize("sent", [POST, POST + JSON + LENGTH + b"\r\n" + BODY[:5]])
async def test_a_client_that_stops_in_the_middle_is_let_go(api: RunningApi, sent: bytes) -> None:
    async with api.connection() as (reader, writer):
        writer.write(sent)
        writer.write_eof()
        async with asyncio.timeout(LIMIT_S):
            assert await reader.read() == b""
    assert not api.fakes.models.requests


async def test_an_announced_gigabyte_is_refused_unread(api: RunningApi) -> None:
    reply = await api.raw(POST + JSON + b"Content-Length: 1073741824\r\n\r\n")
    assert _status(reply) == 413
    assert b"body_too_large" in reply


async def test_a_streamed_gigabyte_is_refused_and_not_kept(api: RunningApi) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    chunk = b"10000\r\n" + b"a" * 65_536 + b"\r\n"
    async with api.connection() as (reader, writer):
        writer.write(POST + JSON + CHUNKED)
        status = asyncio.ensure_future(reader.readuntil(b"\r\n"))
        # Whether the server swallows the rest or cuts it off is its own affair.
        with contextlib.suppress(ConnectionError):
            for _ in range(2**30 // 65_536):
                writer.write(chunk)
                await writer.drain()
        assert _status(await status) == 413
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 50_000  # kilobytes


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"br", b"zstd", b"gzip, gzip"])
async def test_a_compressed_body_is_never_expanded(api: RunningApi, encoding: bytes) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    reply = await api.raw(_post(bomb, JSON + b"Content-Encoding: %b\r\n" % encoding))
    assert _status(reply) == 415


@pytest.mark.parametrize(
    "content_type",
    [
        b"",
        b"Content-Type: text/plain\r\n",
        b"Content-Type: application/x-www-form-urlencoded\r\n",
        b"Content-Type: multipart/form-data; boundary=x\r\n",
        b"Content-Type: application/jsonp\r\n",
        b"Content-Type: text/json\r\n",
        b"Content-Type: \xff\r\n",
        b"Content-Type: application/json; charset=utf-16\r\n",
    ],
)
async def test_only_json_is_read(api: RunningApi, content_type: bytes) -> None:
    assert _status(await api.raw(_post(BODY, content_type))) == 415
    assert not api.fakes.models.requests


async def test_json_may_name_its_charset(api: RunningApi) -> None:
    headers = b"Content-Type: Application/JSON; charset=UTF-8\r\n"
    assert _status(await api.raw(_post(BODY, headers))) == 200


async def test_pipelined_requests_are_answered_in_order(api: RunningApi) -> None:
    first = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"
    reply = await api.raw(first + GET + b"\r\n" + _post(BODY))
    assert reply.count(b"HTTP/1.1 200 OK") == 3
    assert reply.index(b'"object":"list"') < reply.index(b"is running")
    assert reply.index(b"is running") < reply.index(b'"object":"chat.completion"')


async def test_an_absolute_target_means_its_path(api: RunningApi) -> None:
    request = b"GET http://x/v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert _status(await api.raw(request)) == 200


async def test_head_has_no_body(api: RunningApi) -> None:
    reply = await api.raw(b"HEAD /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert _status(reply) == 200
    assert reply.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "body",
    {
        "nothing": b"",
        "not json": b"hello",
        "half": BODY[:-1],
        "more": BODY + b"x",
        "deep lists": b"[" * 90_000,
        "deep objects": b'{"messages":' * 8_000,
        "deep in a field": b'{"messages":[],"tools":' + b"[" * 90_000,
        "deep in an unknown field": b'{"messages":[],"x":' + b"[" * 45_000 + b"]" * 45_000 + b"}",
        "a list": b"[]",
        "a string": b'"x"',
        "null": b"null",
        "byte order mark": b"\xef\xbb\xbf" + BODY,
        "utf-16": BODY.decode().encode("utf-16"),
        "not utf-8": BODY.replace(b"Hi", b"\xff"),
        "encoded surrogate": BODY.replace(b"Hi", b"\xed\xa0\x80"),
        "lone high surrogate": BODY.replace(b"Hi", b"\\ud800"),
        "lone low surrogate": BODY.replace(b"Hi", b"\\udc00 and more"),
        "surrogate in a key": b'{"\\ud800abcdefgh":1}',
        "raw NUL": BODY.replace(b"Hi", b"\x00"),
        "NaN": BODY[:-1] + b',"temperature":NaN}',
        "infinity": BODY[:-1] + b',"temperature":Infinity}',
        "1e999": BODY[:-1] + b',"temperature":1e999}',
        "a long number": BODY[:-1] + b',"seed":' + b"1" * 50_000 + b"}",
        "2**63 tokens": BODY[:-1] + b',"max_tokens":9223372036854775808}',
        "2**64 tokens": BODY[:-1] + b',"max_tokens":18446744073709551616}',
        "no tokens": BODY[:-1] + b',"max_tokens":0}',
        "negative tokens": BODY[:-1] + b',"max_tokens":-1}',
        "tokens as text": BODY[:-1] + b',"max_tokens":"5"}',
        "a duplicate that is wrong": BODY[:-1] + b',"n":1,"n":0}',
        "too many choices": BODY[:-1] + b',"n":9}',
        "choices as a fraction": BODY[:-1] + b',"n":1.5}',
        "10 000 stop strings": BODY[:-1] + b',"stop":[' + b",".join([b'"a"'] * 10_000) + b"]}",
        "a long stop string": BODY[:-1] + b',"stop":"' + b"a" * 1_001 + b'"}',
        "stop of numbers": BODY[:-1] + b',"stop":[1]}',
        "hot": BODY[:-1] + b',"temperature":101}',
        "cold": BODY[:-1] + b',"temperature":-0.1}',
        "top_p over 1": BODY[:-1] + b',"top_p":1.1}',
        "penalty": BODY[:-1] + b',"frequency_penalty":3}',
        "bias over 100": BODY[:-1] + b',"logit_bias":{"1":101}}',
        "bias of no token": BODY[:-1] + b',"logit_bias":{"a":1}}',
        "bias of a negative token": BODY[:-1] + b',"logit_bias":{"-1":1}}',
        "bias of a long number": BODY[:-1] + b',"logit_bias":{"' + b"9" * 9_000 + b'":1}}',
        "stream as text": BODY[:-1] + b',"stream":"yes"}',
        "no messages": b"{}",
        "empty messages": b'{"messages":[]}',
        "messages as text": b'{"messages":"Hi"}',
        "message without role": b'{"messages":[{"content":"Hi"}]}',
        "model as a number": BODY[:-1] + b',"model":5}',
    }.items(),
    ids=lambda item: item[0],
)
async def test_a_bad_body_is_a_400_with_a_sentence(
    api: RunningApi, body: tuple[str, bytes]
) -> None:
    reply = await api.request(
        "POST",
        "/v1/chat/completions",
        data=body[1],
        headers={"Content-Type": "application/json"},
    )
    assert reply.status == 400
    assert reply.error["code"] == "invalid_request"
    assert len(reply.error["message"]) > 10
    assert not api.fakes.models.requests


@pytest.mark.parametrize(
    "body",
    [
        BODY.replace(b"Hi", b"\\u0000"),
        BODY.replace(b"Hi", b"\\ud83d\\ude00"),
        BODY.replace(b"Hi", b""),
        BODY[:-1] + b',"n":0,"n":1}',
        BODY[:-1] + b',"seed":9223372036854775808}',
        BODY[:-1] + b',"seed":-9223372036854775809}',
    ],
)
async def test_odd_but_clear_bodies_are_answered(api: RunningApi, body: bytes) -> None:
    assert _status(await api.raw(_post(body))) == 200


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..%2F..%2Fetc%2Fpasswd",
        "%00",
        "CON",
        "a" * 300,
        "%FF",
        "%0A",
        "%ED%A0%80",
    ],
)
async def test_names_that_no_model_has_are_not_found(api: RunningApi, name: str) -> None:
    for path in ("/v1/models/", "/hob/v1/models/"):
        request = f"GET {path}{name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        assert _status(await api.raw(request.encode())) == 404


async def test_the_connection_stays_open_after_a_refusal(api: RunningApi) -> None:
    bad = POST.replace(b"Connection: close\r\n", b"") + JSON + b"Content-Length: 2\r\n\r\n{}"
    reply = await api.raw(bad + _post(BODY))
    assert reply.count(b"HTTP/1.1 400") == 1
    assert reply.count(b"HTTP/1.1 200") == 1


async def test_the_log_has_no_text_of_a_request(
    api: RunningApi, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await api.chat(messages=[{"role": "user", "content": "my secret"}])
    await api.post("/v1/chat/completions?q=my%20secret", {"messages": "my secret"})
    good, bad = [record for record in caplog.records if record.name == "hob.api"]
    assert good.getMessage() == bad.getMessage() == "POST /v1/chat/completions"
    assert vars(good)["status"] == 200
    assert (vars(bad)["status"], vars(bad)["problem"]) == (400, "invalid_request")
    assert "secret" not in caplog.text
