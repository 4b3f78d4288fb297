"""What the daemon replies: values, and errors in the envelope of either dialect."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from hob.errors import DaemonUnreachable, Detail, HobError, error_classes

T = TypeVar("T")


class ErrorBody(msgspec.Struct):
    """The error of the native routes and of the OpenAI routes: the fields of both."""

    message: str
    code: str | None = None
    hint: str | None = None
    param: str | None = None
    details: dict[str, Detail] = {}

    def to_error(self) -> HobError:
        """The error again, as the class that owns its code (HobError for an unknown one)."""
        cls = error_classes().get(self.code or "", HobError)
        return cls(self.message, hint=self.hint or "", param=self.param or "", **self.details)


class _ErrorEnvelope(msgspec.Struct):
    error: ErrorBody


def decode_error(data: bytes) -> HobError:
    """What an error reply says; DaemonUnreachable when it is not in Hob's envelope."""
    try:
        return msgspec.json.decode(data, type=_ErrorEnvelope).error.to_error()
    except msgspec.MsgspecError:
        return other_version()


def decode_reply(data: bytes, shape: type[T]) -> T:
    """A JSON reply as a value. Raises DaemonUnreachable when it has another shape."""
    try:
        return msgspec.json.decode(data, type=shape)
    except msgspec.MsgspecError as error:
        raise other_version() from error


def other_version() -> DaemonUnreachable:
    """For an answer that Hob would give, but not this version of it."""
    return DaemonUnreachable(
        "Hob's answer is not one that this version of the client understands.",
        hint="The daemon may be of another version: `hob restart` brings both together.",
    )
