"""/v1/embeddings: vectors of texts."""

from __future__ import annotations

import asyncio
import base64
import secrets
from array import array

import msgspec
from aiohttp import web

from hob.api.bodies import decode
from hob.api.keep_alive import keep_alive_of
from hob.api.priority import priority_of
from hob.api.profiled import usual_keep_alive, usual_priority
from hob.api.replies import read
from hob.api.services import ADMISSION, SERVICES, refuse_while_stopping
from hob.api.suited import resolve_suited
from hob.errors import InvalidRequest, ProtocolError
from hob.wire.calls import MAX_EMBED_INPUTS, Embed, Embedded
from hob.wire.embeddings import EmbeddingItem, EmbeddingRequest, EncodingFormat, InputUsage

routes = web.RouteTableDef()

_encoder = msgspec.json.Encoder()
# Bytes of vectors to write between two looks at the other requests: some 5 ms as JSON numbers.
_SLICE_BYTES = 2**18


@routes.post("/v1/embeddings")
async def embeddings(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    body = decode(await read(request), EmbeddingRequest)
    call = Embed(
        id=f"embd-{secrets.token_hex(12)}",
        priority=priority_of(request, usual_priority(services, body.model)),
        inputs=tuple(inputs_of(body.input)),
        dimensions=body.dimensions,
    )
    keep_alive = keep_alive_of(body.keep_alive)
    if keep_alive is None:
        keep_alive = usual_keep_alive(services, body.model)
    refuse_while_stopping(services)
    model = resolve_suited(services, body.model, "embedding")
    with request.app[ADMISSION].admit(1):
        result = await services.models.call(model, call, keep_alive=keep_alive)
    if not isinstance(result, Embedded) or len(result.vectors) != len(call.inputs):
        raise ProtocolError("The model gave something else than embeddings.", hint="Ask again.")
    reply = await encode_reply(model, result, body.encoding_format or "float")
    return web.Response(body=reply, content_type="application/json")


def inputs_of(given: str | list[str | int | list[int]]) -> list[str | tuple[int, ...]]:
    """One input or several, each as text or as tokens. Raises InvalidRequest."""
    if isinstance(given, str):
        found: list[str | tuple[int, ...]] = [given]
    else:
        tokens = [item for item in given if isinstance(item, int)]
        if tokens and len(tokens) < len(given):
            raise InvalidRequest(
                "`input` mixes tokens with texts.",
                hint="Send text, tokens, a list of texts or a list of lists of tokens.",
                param="input",
            )
        several = [
            item if isinstance(item, str) else tuple(item)
            for item in given
            if not isinstance(item, int)
        ]
        found = [tuple(tokens)] if tokens else several
    if len(found) > MAX_EMBED_INPUTS:
        raise InvalidRequest(
            f"`input` holds {len(found)} inputs, and at most {MAX_EMBED_INPUTS} are possible.",
            hint="Send several requests.",
            param="input",
        )
    for index, item in enumerate(found):
        if not item:
            name = f"input[{index}]" if len(found) > 1 else "input"
            raise InvalidRequest(
                f"`{name}` is empty.", hint="Send at least one character or token.", param=name
            )
    if not found:
        raise InvalidRequest("`input` is empty, so there is nothing to embed.", param="input")
    return found


async def encode_reply(model: str, result: Embedded, form: EncodingFormat) -> bytearray:
    """The reply as JSON. Many long vectors take long to write, so other requests get their turn
    in between."""
    body = bytearray(b'{"object":"list","data":[')
    written = 0
    for index, vector in enumerate(result.vectors):
        if written >= _SLICE_BYTES:
            written = 0
            await asyncio.sleep(0)
        if index:
            body += b","
        body += _encoder.encode(EmbeddingItem(index=index, embedding=_embedding(vector, form)))
        written += len(vector)
    used = sum(result.tokens)
    usage = InputUsage(prompt_tokens=used, total_tokens=used)
    body += b'],"model":' + _encoder.encode(model) + b',"usage":' + _encoder.encode(usage) + b"}"
    return body


def _embedding(vector: bytes, form: EncodingFormat) -> msgspec.Raw | str:
    if form == "base64":
        return base64.b64encode(vector).decode()
    return msgspec.Raw(_encoder.encode(array("f", vector).tolist()))
