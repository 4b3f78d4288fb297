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
    |   |-- ModelNotFound  ModelAmbiguous  NoModels  BadModelFile  ModelCopying
    |   |-- ModelQuarantined  ModelChanged  NameTaken  ProfileInvalid
    |   |-- ModelLoadFailed  OutOfMemory  TemplateFailed
    |-- WorkerError             about the process that runs a model
    |   |-- WorkerDied  WorkerStalled  WorkerStartTimeout  WorkerUnavailable  ProtocolError
    |-- DaemonError             about the daemon itself
    |   |-- ShuttingDown  Overloaded  AlreadyRunning  NotRunning  DaemonUnreachable  StartFailed
    |-- ConfigError             a setting is wrong
    |-- SecretStoreError        the keyring is absent, locked or does not answer
    |-- DownloadError           a model could not be fetched
    |   |-- DigestMismatch  DiskFull  NotOnHub  HubRefused
    |-- PluginError             a plugin, or something that one offers
    |   |-- PluginNotFound  ActionNotFound  ToolNotFound  PluginBroken  PluginsUnavailable
    |-- DesktopError            the screen, its keys and its clipboard
    |   |-- NoDesktop  DesktopRefused  ClipboardSecret  BadHotkey
    |-- Cancelled               the caller took the request back

Errors know no HTTP and no exit codes: the API and the CLI map `code` at their own edge.

This module is long because it is the whole tree, with a sentence on each.
"""

from __future__ import annotations

from typing import ClassVar

Detail = str | int | float | bool


class HobError(Exception):
    """What Hob did not foresee; and the base of everything that may be shown to the user.

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
    """The request cannot be done as it was asked."""

    code = "bad_request"


class InvalidRequest(RequestError):
    """A part of the request is malformed, out of range or of the wrong type."""

    code = "invalid_request"


class UnsupportedParameter(RequestError):
    """The request is understood, and asks for something that Hob does not do."""

    code = "unsupported_parameter"


class ContextOverflow(RequestError):
    """The prompt does not fit into the context length.

    `details`: prompt_tokens and context_length.
    """

    code = "context_length_exceeded"


class BodyTooLarge(RequestError):
    """The request is larger than `api.max_body`."""

    code = "body_too_large"


class UnsupportedMediaType(RequestError):
    """The request is not JSON."""

    code = "unsupported_media_type"


class MethodNotAllowed(RequestError):
    """The route exists, for another HTTP method."""

    code = "method_not_allowed"


class RouteNotFound(RequestError):
    """There is no such route."""

    code = "route_not_found"


class AccessError(HobError):
    """The caller may not ask."""

    code = "access_denied"


class Unauthorized(AccessError):
    """The token is missing or wrong."""

    code = "unauthorized"


class ForbiddenHost(AccessError):
    """The Host header names another machine than this one."""

    code = "forbidden_host"


class ForbiddenOrigin(AccessError):
    """The request comes from a web page."""

    code = "forbidden_origin"


class ForbiddenPeer(AccessError):
    """The socket was opened by another user."""

    code = "forbidden_peer"


class ModelError(HobError):
    """Something is wrong with a model."""

    code = "model_error"


class ModelNotFound(ModelError):
    """There is no model of that name."""

    code = "model_not_found"


class ModelAmbiguous(ModelError):
    """More than one model fits the name."""

    code = "model_ambiguous"


class NoModels(ModelError):
    """The models folder holds nothing that can be loaded."""

    code = "no_models"


class BadModelFile(ModelError):
    """The file is not a GGUF model that can be read; the message says why."""

    code = "bad_model_file"


class ModelCopying(ModelError):
    """The model's file is still being copied or downloaded.

    `details`: need_bytes and have_bytes where they are known.
    """

    code = "model_copying"


class ModelQuarantined(ModelError):
    """Loading this file crashed the worker, so it is not loaded again until it changes."""

    code = "model_quarantined"


class ModelChanged(ModelError):
    """The model's file was changed while it answered, so the answer cannot be trusted."""

    code = "model_changed"


class NameTaken(ModelError):
    """Another model or file has this name already."""

    code = "name_taken"


class ProfileInvalid(ModelError):
    """A profile cannot be used; the message says which line of which file and why."""

    code = "profile_invalid"


class ModelLoadFailed(ModelError):
    """llama.cpp does not load the model."""

    code = "model_load_failed"


class OutOfMemory(ModelError):
    """There is not enough memory for the model.

    `details`: need_bytes and free_bytes where they are known.
    """

    code = "out_of_memory"


class TemplateFailed(ModelError):
    """The chat template is broken, hostile, or does not accept the conversation."""

    code = "template_failed"


class WorkerError(HobError):
    """Something is wrong with the process that runs a model."""

    code = "worker_error"


class WorkerDied(WorkerError):
    """The process that runs the model ended while it worked; the next request starts it."""

    code = "worker_died"


class WorkerStalled(WorkerError):
    """The model made no progress for `engine.stall_timeout` and was restarted."""

    code = "worker_stalled"


class WorkerStartTimeout(WorkerError):
    """The model was not ready within `engine.start_timeout`."""

    code = "worker_start_timeout"


class WorkerUnavailable(WorkerError):
    """The worker keeps failing and is not started again for now."""

    code = "worker_unavailable"


class ProtocolError(WorkerError):
    """The other end of a pipe speaks another version, or nonsense."""

    code = "protocol_error"


class DaemonError(HobError):
    """Something is wrong with the daemon."""

    code = "daemon_error"


class ShuttingDown(DaemonError):
    """The daemon is stopping and takes no new requests."""

    code = "shutting_down"


class Overloaded(DaemonError):
    """Too many requests are waiting already.

    `details`: retry_after in seconds.
    """

    code = "overloaded"


class AlreadyRunning(DaemonError):
    """A daemon of this user runs already."""

    code = "already_running"


class NotRunning(DaemonError):
    """No daemon is running."""

    code = "not_running"


class DaemonUnreachable(DaemonError):
    """The daemon's socket exists but does not answer as Hob would."""

    code = "daemon_unreachable"


class StartFailed(DaemonError):
    """The daemon did not start."""

    code = "start_failed"


class ConfigError(HobError):
    """A setting is wrong.

    `param`: the key; `details`: file and line where they are known.
    """

    code = "config_invalid"


class SecretStoreError(HobError):
    """The keyring is absent, locked or does not answer."""

    code = "secret_store_unavailable"


class DownloadError(HobError):
    """A model could not be fetched."""

    code = "download_failed"


class DigestMismatch(DownloadError):
    """What was fetched is not what was asked for, and was thrown away."""

    code = "digest_mismatch"


class NotOnHub(DownloadError):
    """The hub has no such repository or file."""

    code = "not_on_hub"


class HubRefused(DownloadError):
    """The hub wants a login, a consent to a licence, or fewer questions."""

    code = "hub_refused"


class DiskFull(DownloadError):
    """There is not enough room on the disk.

    `details`: need_bytes and free_bytes.
    """

    code = "disk_full"


class PluginError(HobError):
    """Something is wrong with a plugin.

    `details`: plugin.
    """

    code = "plugin_error"


class PluginNotFound(PluginError):
    """There is no plugin of that name."""

    code = "plugin_not_found"


class ActionNotFound(PluginError):
    """No plugin that is on offers an action of that name."""

    code = "action_not_found"


class ToolNotFound(PluginError):
    """No plugin that is on offers a tool of that name."""

    code = "tool_not_found"


class PluginBroken(PluginError):
    """A plugin raised, took too long, or did what it may not; the message names it."""

    code = "plugin_broken"


class PluginsUnavailable(PluginError):
    """The process that runs the plugins does not run."""

    code = "plugins_unavailable"


class DesktopError(HobError):
    """Something is wrong with the desktop."""

    code = "desktop_error"


class NoDesktop(DesktopError):
    """This needs a desktop, and none is attached to the daemon."""

    code = "no_desktop"


class DesktopRefused(DesktopError):
    """The desktop cannot do that here; the message says why."""

    code = "desktop_refused"


class ClipboardSecret(DesktopError):
    """The clipboard holds what its owner has marked as a secret, and is not read."""

    code = "clipboard_secret"


class BadHotkey(DesktopError):
    """That is no combination of keys that can be a hotkey."""

    code = "bad_hotkey"


class Cancelled(HobError):
    """The caller took the request back."""

    code = "cancelled"


def error_classes() -> dict[str, type[HobError]]:
    """Every error class by its code, for translating what came over a wire.

    A subclass without a code of its own is a room's private matter, and outside of it the error
    that it derives from.
    """
    found: dict[str, type[HobError]] = {}
    waiting: list[type[HobError]] = [HobError]
    while waiting:
        cls = waiting.pop()
        if "code" in vars(cls):
            found[cls.code] = cls
        waiting.extend(cls.__subclasses__())
    return found
