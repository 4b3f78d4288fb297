"""The base of every wire value, and the error as a value."""

from __future__ import annotations

import msgspec

from hob.errors import Detail, HobError, error_classes


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An immutable value; fields that hold their default are left off the wire."""


class Body(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """A reply of the API: every field is on the wire, so that programs need no defaults."""


class ErrorInfo(Value, frozen=True):
    """A HobError as it travels; see hob.errors for what the fields hold."""

    code: str
    message: str
    hint: str = ""
    param: str = ""
    details: dict[str, Detail] = {}

    @classmethod
    def of(cls, error: HobError) -> ErrorInfo:
        return cls(
            code=error.code,
            message=error.message,
            hint=error.hint,
            param=error.param,
            details=dict(error.details),
        )

    def error(self) -> HobError:
        """The error again, as the class that owns the code (HobError for an unknown one)."""
        cls = error_classes().get(self.code, HobError)
        return cls(self.message, hint=self.hint, param=self.param, **self.details)


class ErrorReply(Body, frozen=True):
    """The error envelope of the native routes."""

    error: ErrorInfo
