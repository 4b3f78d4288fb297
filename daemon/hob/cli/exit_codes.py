"""What the exit code of every `hob` command means, and which error ends with which."""

from __future__ import annotations

from enum import IntEnum

from hob.errors import HobError


class ExitCode(IntEnum):
    """128 and more is a signal's number on top, as shells count."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_RUNNING = 3
    NO_MODEL = 4
    MODEL_FAILED = 5
    REFUSED = 6
    BUSY = 7
    ALREADY_RUNNING = 8
    INTERRUPTED = 130
    NO_READER = 141


MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "it worked",
    ExitCode.FAILED: "it failed; the message says why",
    ExitCode.USAGE: "the command line is wrong, or the request asks for what cannot be",
    ExitCode.NOT_RUNNING: "the daemon is not running, cannot be reached, or did not start",
    ExitCode.NO_MODEL: "there is no such model, or no model at all",
    ExitCode.MODEL_FAILED: "the model could not be loaded, or its worker failed",
    ExitCode.REFUSED: "refused: no right to ask, a wrong setting, or no place for secrets",
    ExitCode.BUSY: "the daemon has too much to do, or is shutting down: try again",
    ExitCode.ALREADY_RUNNING: "one runs already (`hob serve` and `hob desktop` only)",
    ExitCode.INTERRUPTED: "interrupted with Ctrl-C",
    ExitCode.NO_READER: "whoever read the output has gone, as in `hob ask ... | head -1`",
}

BY_ERROR: dict[str, ExitCode] = {
    "internal": ExitCode.FAILED,
    "bad_request": ExitCode.USAGE,
    "invalid_request": ExitCode.USAGE,
    "unsupported_parameter": ExitCode.USAGE,
    "context_length_exceeded": ExitCode.USAGE,
    "body_too_large": ExitCode.USAGE,
    "unsupported_media_type": ExitCode.USAGE,
    "method_not_allowed": ExitCode.USAGE,
    "route_not_found": ExitCode.USAGE,
    "access_denied": ExitCode.REFUSED,
    "unauthorized": ExitCode.REFUSED,
    "forbidden_host": ExitCode.REFUSED,
    "forbidden_origin": ExitCode.REFUSED,
    "forbidden_peer": ExitCode.REFUSED,
    "model_error": ExitCode.MODEL_FAILED,
    "model_not_found": ExitCode.NO_MODEL,
    "model_ambiguous": ExitCode.NO_MODEL,
    "no_models": ExitCode.NO_MODEL,
    "bad_model_file": ExitCode.MODEL_FAILED,
    "model_load_failed": ExitCode.MODEL_FAILED,
    "model_copying": ExitCode.MODEL_FAILED,
    "model_quarantined": ExitCode.MODEL_FAILED,
    "model_changed": ExitCode.MODEL_FAILED,
    "name_taken": ExitCode.USAGE,
    "profile_invalid": ExitCode.MODEL_FAILED,
    "out_of_memory": ExitCode.MODEL_FAILED,
    "template_failed": ExitCode.MODEL_FAILED,
    "worker_error": ExitCode.MODEL_FAILED,
    "worker_died": ExitCode.MODEL_FAILED,
    "worker_stalled": ExitCode.MODEL_FAILED,
    "worker_start_timeout": ExitCode.MODEL_FAILED,
    "worker_unavailable": ExitCode.MODEL_FAILED,
    "protocol_error": ExitCode.MODEL_FAILED,
    "daemon_error": ExitCode.FAILED,
    "shutting_down": ExitCode.BUSY,
    "overloaded": ExitCode.BUSY,
    "already_running": ExitCode.ALREADY_RUNNING,
    "not_running": ExitCode.NOT_RUNNING,
    "daemon_unreachable": ExitCode.NOT_RUNNING,
    "start_failed": ExitCode.NOT_RUNNING,
    "plugin_error": ExitCode.FAILED,
    "plugin_not_found": ExitCode.USAGE,
    "action_not_found": ExitCode.USAGE,
    "tool_not_found": ExitCode.USAGE,
    "plugin_broken": ExitCode.FAILED,
    "plugins_unavailable": ExitCode.FAILED,
    "desktop_error": ExitCode.FAILED,
    "no_desktop": ExitCode.FAILED,
    "desktop_refused": ExitCode.FAILED,
    "clipboard_secret": ExitCode.REFUSED,
    "bad_hotkey": ExitCode.USAGE,
    "config_invalid": ExitCode.REFUSED,
    "secret_store_unavailable": ExitCode.REFUSED,
    "download_failed": ExitCode.FAILED,
    "digest_mismatch": ExitCode.FAILED,
    "disk_full": ExitCode.FAILED,
    "not_on_hub": ExitCode.FAILED,
    "hub_refused": ExitCode.REFUSED,
    "cancelled": ExitCode.INTERRUPTED,
}


def exit_code(error: HobError) -> ExitCode:
    """The code that a command ends with when `error` stops it."""
    return BY_ERROR.get(error.code, ExitCode.FAILED)


def table() -> str:
    """The codes and their meanings, one a line."""
    return "\n".join(f"{code.value:>4}  {meaning}" for code, meaning in MEANINGS.items())
