"""Request bodies: bounded, plain JSON, decoded field by field so that an error names its field."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from aiohttp import hdrs, web

from hob.errors import BodyTooLarge, InvalidRequest, UnsupportedMediaType

S = TypeVar("S", bound=msgspec.Struct)

_CHARSETS = frozenset({"utf-8", "utf8", "us-ascii"})
_DEEPLY_NESTED = "The JSON is nested too deeply."
_object_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


async def read_body(
    request: web.Request, *, max_bytes: int, timeout_s: float, idle_s: float
) -> bytes:
    """The body of a request that may carry JSON; empty when there is none.

    All of it must arrive within `timeout_s`, and no part may take longer than `idle_s`: aiohttp
    does not say when the chunks of a body break off in nonsense, the rest just never comes.

    Raises UnsupportedMediaType before anything is read, BodyTooLarge as soon as it is known, and
    InvalidRequest when the body is broken or does not arrive in time.
    """
    _check_headers(request)
    if (announced := request.content_length) is not None and announced > max_bytes:
        raise _too_large(max_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            while chunk := await asyncio.wait_for(request.content.readany(), idle_s):
                body += chunk
                if len(body) > max_bytes:
                    raise _too_large(max_bytes)
    except TimeoutError as error:
        raise InvalidRequest(
            "The rest of the request's body did not arrive in time.",
            hint="Send the body right after the headers, and as long as they announce it.",
        ) from error
    except web.RequestPayloadError as error:
        raise InvalidRequest("The request's body is not valid HTTP.") from error
    return bytes(body)


def decode(body: bytes, shape: type[S]) -> S:
    """The body as a value of `shape`. Raises InvalidRequest that names the field at fault."""
    given = _decode_object(body)
    values: dict[str, Any] = {}
    for name, (decoder, required) in _fields(shape).items():
        raw = given.get(name)
        if raw is not None:
            values[name] = _decode_field(name, raw, decoder)
        elif required:
            raise InvalidRequest(f"`{name}` is missing.", param=name)
    return shape(**values)


def _check_headers(request: web.Request) -> None:
    encoding = request.headers.get(hdrs.CONTENT_ENCODING, "identity")
    if encoding.strip().lower() != "identity":
        raise UnsupportedMediaType(
            f"The body is compressed ({encoding!r}), and Hob does not read such.",
            hint="Send it without Content-Encoding.",
            param="Content-Encoding",
        )
    if not request.body_exists:
        return
    if request.content_type != "application/json":
        stated = hdrs.CONTENT_TYPE in request.headers
        what = repr(request.content_type) if stated else "not stated"
        raise UnsupportedMediaType(
            f"The body's content type is {what}, and Hob reads only JSON.",
            hint="Send JSON with `Content-Type: application/json`.",
            param="Content-Type",
        )
    if (request.charset or "utf-8").lower() not in _CHARSETS:
        raise UnsupportedMediaType(
            f"The body's character set is {request.charset!r}, and JSON is always UTF-8.",
            hint="Send UTF-8.",
            param="Content-Type",
        )


def _decode_object(body: bytes) -> Mapping[str, msgspec.Raw]:
    if not body:
        raise InvalidRequest("The request has no body.", hint="Send a JSON object.")
    try:
        return _object_decoder.decode(body)
    except RecursionError as error:
        raise InvalidRequest(_DEEPLY_NESTED) from error
    except msgspec.ValidationError as error:
        raise InvalidRequest("The body must be a JSON object.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from error


def _decode_field(name: str, raw: msgspec.Raw, decoder: msgspec.json.Decoder[Any]) -> object:
    try:
        return decoder.decode(raw)
    except RecursionError as error:
        raise InvalidRequest(_DEEPLY_NESTED, param=name) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # msgspec calls the value itself `$`.
        why = str(error).replace("`$", f"`{name}")
        raise InvalidRequest(f"`{name}` is not valid: {why}.", param=name) from error


@functools.cache
def _fields(shape: type[msgspec.Struct]) -> Mapping[str, tuple[msgspec.json.Decoder[Any], bool]]:
    """Of each field, its decoder and whether it must be there."""
    return {
        field.name: (msgspec.json.Decoder(field.type), field.required)
        for field in msgspec.structs.fields(shape)
    }


def _too_large(max_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"The request's body is larger than {max_bytes} bytes, the most that Hob takes.",
        hint="Send less, or raise the setting `api.max_body`.",
        max_bytes=max_bytes,
    )
