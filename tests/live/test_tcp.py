"""The API over TCP, from `hob api on` to the SDK's answer."""

from __future__ import annotations

import json
import socket

import openai
import pytest

from live_daemon import LiveDaemon

HELLO: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "Hello"}]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_an_sdk_answers_with_the_environment_that_hob_prints(shared_daemon: LiveDaemon) -> None:
    on = shared_daemon.run("api", "on", "--token-file", "--port", str(free_port()))
    assert on.returncode == 0, on.stderr
    environ = json.loads(shared_daemon.run("env", "--json").stdout)
    base_url, token = environ["OPENAI_BASE_URL"], environ["OPENAI_API_KEY"]
    sdk = openai.OpenAI(base_url=base_url, api_key=token, max_retries=0, timeout=60)
    assert [model.id for model in sdk.models.list()] == [shared_daemon.client().status().chosen]
    reply = sdk.chat.completions.create(model="default", messages=HELLO, max_tokens=8)
    assert reply.choices[0].message.content

    with pytest.raises(openai.AuthenticationError):
        sdk.with_options(api_key="hob-guessed").models.list()
    with pytest.raises(openai.PermissionDeniedError):
        sdk.models.list(extra_headers={"Origin": "https://evil.example"})
    with pytest.raises(openai.PermissionDeniedError):
        sdk.models.list(extra_headers={"Host": "evil.example"})

    rotated = shared_daemon.run("token", "--rotate").stdout.split()
    assert token not in rotated
    with pytest.raises(openai.AuthenticationError):
        sdk.models.list()

    assert shared_daemon.run("api", "off").returncode == 0
    with pytest.raises((openai.APIConnectionError, openai.PermissionDeniedError)):
        sdk.with_options(api_key=rotated[0]).models.list()
