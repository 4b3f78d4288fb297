"""The API with faked services, served on a UNIX socket and on TCP, and clients for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from fakes.ports import Fakes
from hob.api.app import ApiOptions, build_app, build_runner
from hob.api.auth import VIA
from hob.api.transport import arrival

LIMIT_S = 10


@dataclass
class Response:
    status: int
    headers: Any
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    def events(self) -> list[Any]:
        """The data of a stream's events; `[DONE]` as that string."""
        return [
            data if (data := line.removeprefix("data: ")) == "[DONE]" else msgspec.json.decode(data)
            for line in self.body.decode().splitlines()
            if line.startswith("data: ")
        ]

    @property
    def error(self) -> Any:
        return self.json()["error"]


@dataclass
class RunningApi:
    fakes: Fakes
    app: web.Application
    runner: web.AppRunner
    socket: Path
    port: int
    session: aiohttp.ClientSession

    async def get(self, path: str, **options: Any) -> Response:
        return await self.request("GET", path, **options)

    async def post(self, path: str, body: Any = None, **options: Any) -> Response:
        return await self.request("POST", path, json=body, **options)

    async def request(self, method: str, path: str, **options: Any) -> Response:
        """Over the socket. What arrived before a stream broke off counts as its body."""
        url = f"http://localhost{path}"
        async with self.session.request(method, url, **options) as reply:
            body = bytearray()
            try:
                async for piece in reply.content.iter_any():
                    body += piece
            except aiohttp.ClientPayloadError:
                body += b"\nbroken"
            return Response(reply.status, reply.headers, bytes(body))

    async def chat(self, **fields: Any) -> Response:
        """Ask for an answer to "Hi"; `fields` of the request on top."""
        messages = [{"role": "user", "content": "Hi"}]
        return await self.post("/v1/chat/completions", {"messages": messages} | fields)

    async def raw(self, data: bytes) -> bytes:
        """Send bytes over the socket and read until the server closes, or the first reply ends."""
        async with self.connection() as (reader, writer):
            writer.write(data)
            async with asyncio.timeout(LIMIT_S):
                return await reader.read()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_unix_connection(self.socket)
        try:
            yield reader, writer
        finally:
            writer.close()


@web.middleware
async def _note_the_way(request: web.Request, handler: Handler) -> web.StreamResponse:
    request[VIA] = arrival(request.transport) or ""
    return await handler(request)


@asynccontextmanager
async def running_api(
    folder: Path, options: ApiOptions | None = None, grace_s: float = 0.1
) -> AsyncIterator[RunningApi]:
    fakes = Fakes.make()
    app = build_app(fakes.services(), [_note_the_way], options)
    runner = build_runner(app, grace_s)
    await runner.setup()
    try:
        await web.UnixSite(runner, folder / "s").start()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = next(address[1] for address in runner.addresses if isinstance(address, tuple))
        connector = aiohttp.UnixConnector(str(folder / "s"))
        timeout = aiohttp.ClientTimeout(total=LIMIT_S)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            yield RunningApi(fakes, app, runner, folder / "s", port, session)
    finally:
        await runner.cleanup()
