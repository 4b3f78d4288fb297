"""The error tree: everything that can go wrong and that a person or a program may be shown.

    HobError
    |-- RequestError            the caller asked for something that cannot be done as asked
    |   |-- InvalidRequest          malformed, out of range, wrong type
    |   |-- UnsupportedParameter    understood, but Hob does not do it
    |   |-- ContextOverflow         the prompt does not fit into the context length
    |   |-- BodyTooLarge  UnsupportedMediaType  MethodNotAllowed  RouteNotFound
    |-- AccessError             the caller may not ask
    |   |-- Unauthorized  ForbiddenHost  ForbiddenOrigin  ForbiddenPeer
    |-- ModelError              about a model file
    |   |-- ModelNotFound  ModelAmbiguous  NoModels  BadModelFile
    |   |-- ModelLoadFailed  OutOfMemory  TemplateFailed
    |-- WorkerError             about the process that runs a model
    |   |-- WorkerDied  WorkerStalled  WorkerStartTimeout  WorkerUnavailable  ProtocolError
    |-- DaemonError             about the daemon itself
    |   |-- ShuttingDown  Overloaded  AlreadyRunning  NotRunning  DaemonUnreachable  StartFailed
    |-- ConfigError             a setting is wrong
    |-- SecretStoreError        the keyring is absent, locked or does not answer
    |-- DownloadError           a model could not be fetched
    |   |-- DigestMismatch  DiskFull
    |-- Cancelled               the caller took the request back

Errors know no HTTP and no exit codes: the API and the CLI map `code` at their own edge.
"""

from __future__ import annotations

from typing import ClassVar

Detail = str | int | float | bool


class HobError(Exception):
    """Something that we may show the user.

    `message` says what happened and what it means, in one sentence; `hint` says what to do;
    `param` names the field, key or argument at fault; `details` carries the figures
    (counts in tokens, sizes in bytes, times in seconds).
    """

    code: ClassVar[str] = "internal"

    def __init__(self, message: str, *, hint: str = "", param: str = "", **details: Detail) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.param = param
        self.details = details

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class RequestError(HobError):
    code = "bad_request"


class InvalidRequest(RequestError):
    code = "invalid_request"


class UnsupportedParameter(RequestError):
    code = "unsupported_parameter"


class ContextOverflow(RequestError):
    """`details`: prompt_tokens and context_length."""

    code = "context_length_exceeded"


class BodyTooLarge(RequestError):
    code = "body_too_large"


class UnsupportedMediaType(RequestError):
    code = "unsupported_media_type"


class MethodNotAllowed(RequestError):
    code = "method_not_allowed"


class RouteNotFound(RequestError):
    code = "route_not_found"


class AccessError(HobError):
    code = "access_denied"


class Unauthorized(AccessError):
    code = "unauthorized"


class ForbiddenHost(AccessError):
    code = "forbidden_host"


class ForbiddenOrigin(AccessError):
    code = "forbidden_origin"


class ForbiddenPeer(AccessError):
    code = "forbidden_peer"


class ModelError(HobError):
    code = "model_error"


class ModelNotFound(ModelError):
    code = "model_not_found"


class ModelAmbiguous(ModelError):
    code = "model_ambiguous"


class NoModels(ModelError):
    """The models folder holds nothing that can be loaded."""

    code = "no_models"


class BadModelFile(ModelError):
    """The file is not a GGUF model that can be read; the message says why."""

    code = "bad_model_file"


class ModelLoadFailed(ModelError):
    code = "model_load_failed"


class OutOfMemory(ModelError):
    """`details`: need_bytes and free_bytes where they are known."""

    code = "out_of_memory"


class TemplateFailed(ModelError):
    """The chat template is broken, hostile, or does not accept the conversation."""

    code = "template_failed"


class WorkerError(HobError):
    code = "worker_error"


class WorkerDied(WorkerError):
    code = "worker_died"


class WorkerStalled(WorkerError):
    code = "worker_stalled"


class WorkerStartTimeout(WorkerError):
    code = "worker_start_timeout"


class WorkerUnavailable(WorkerError):
    """The worker keeps failing and is not started again for now."""

    code = "worker_unavailable"


class ProtocolError(WorkerError):
    """The other end of a pipe speaks another version, or nonsense."""

    code = "protocol_error"


class DaemonError(HobError):
    code = "daemon_error"


class ShuttingDown(DaemonError):
    code = "shutting_down"


class Overloaded(DaemonError):
    """`details`: retry_after in seconds."""

    code = "overloaded"


class AlreadyRunning(DaemonError):
    code = "already_running"


class NotRunning(DaemonError):
    code = "not_running"


class DaemonUnreachable(DaemonError):
    """The daemon's socket exists but does not answer as Hob would."""

    code = "daemon_unreachable"


class StartFailed(DaemonError):
    code = "start_failed"


class ConfigError(HobError):
    """`param`: the key; `details`: file and line where they are known."""

    code = "config_invalid"


class SecretStoreError(HobError):
    code = "secret_store_unavailable"


class DownloadError(HobError):
    code = "download_failed"


class DigestMismatch(DownloadError):
    code = "digest_mismatch"


class DiskFull(DownloadError):
    """`details`: need_bytes and free_bytes."""

    code = "disk_full"


class Cancelled(HobError):
    code = "cancelled"


def error_classes() -> dict[str, type[HobError]]:
    """Every error class by its code, for translating what came over a wire."""
    found: dict[str, type[HobError]] = {}
    waiting: list[type[HobError]] = [HobError]
    while waiting:
        cls = waiting.pop()
        found[cls.code] = cls
        waiting.extend(cls.__subclasses__())
    return found
