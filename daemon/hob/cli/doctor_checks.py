"""The doctor's checks: each looks at one thing through a System and says what it found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from hob import __version__
from hob.cli.doctor_desktop import check_desktop
from hob.cli.doctor_finding import Finding, ok, problem, warning
from hob.cli.doctor_llama import check_llama
from hob.cli.doctor_system import System
from hob.cli.formatting import duration, size
from hob.cli.log_reader import at_least, lines_backwards, read_entry
from hob.errors import ConfigError, HobError, NotRunning
from hob.logs.file import rotated_files
from hob.wire.status import Status

_OLDEST_PYTHON, _NEWEST_PYTHON = (3, 11), (3, 14)
_LITTLE_MEMORY = 10**9
_LITTLE_DISK = 2 * 10**9
_DAY_S = 86_400.0


def examine(system: System) -> Iterator[Finding]:
    """Every check, in the order in which a person would look."""
    for check in CHECKS:
        yield from check(system)


def check_python(system: System) -> Iterator[Finding]:
    version = system.python()
    text = ".".join(map(str, version))
    if not _OLDEST_PYTHON <= version[:2] <= _NEWEST_PYTHON:
        message = f"Python {text} is not one that Hob is made for."
        yield problem("python", message, "Install Hob with Python 3.11, 3.12, 3.13 or 3.14.")
    elif not system.is_64_bit():
        message = f"Python {text} is a 32-bit build, which cannot hold most models."
        yield problem("python", message, "Install Hob with a 64-bit Python.")
    else:
        yield ok("python", f"Python {text}, 64-bit")


def check_memory(system: System) -> Iterator[Finding]:
    memory = system.memory()
    text = f"{size(memory.available)} of {size(memory.total)} are available"
    if memory.available < _LITTLE_MEMORY:
        hint = "Close other programs, or choose a smaller or more strongly quantized model."
        yield warning("memory", f"Only {text}; a model may not fit.", hint)
    else:
        yield ok("memory", text)


def check_config(system: System) -> Iterator[Finding]:
    file = system.paths.config_file
    try:
        system.config()
    except ConfigError as error:
        yield problem("settings", error.message, error.hint)
    else:
        there = file.exists()
        yield ok("settings", f"{file} is valid" if there else f"all defaults; no {file} yet")


def check_folders(system: System) -> Iterator[Finding]:
    paths = system.paths
    folders = {
        "models": _models_folder(system),
        "state": paths.state_dir,
        "logs": paths.log_dir,
        "run": paths.run_dir,
    }
    for name, path in folders.items():
        try:
            yield _folder(system, f"{name} folder", path)
        except OSError as error:
            yield problem(
                f"{name} folder",
                f"{path} cannot be looked at: {error.strerror or error}.",
                "Give yourself the right to read the folders above it.",
            )


def _folder(system: System, check: str, path: Path) -> Finding:
    found = system.folder(path)
    if not found.writable:
        what = "is not a folder that you can write" if found.exists else "cannot be made by you"
        hint = f"As the owner, run: mkdir -p '{path}' && chmod u+rwx '{path}'"
        return problem(check, f"{path} {what}.", hint)
    # The socket's folder is what keeps other users away from the daemon.
    private = path == system.paths.run_dir
    if found.exists and (not found.ours or found.mode & (0o077 if private else 0o002)):
        return problem(
            check,
            f"{path} is open to other users of this machine (mode {found.mode:o}).",
            f"Run: chown $(id -u) '{path}' && chmod 700 '{path}'",
        )
    if found.free_bytes < _LITTLE_DISK:
        message = f"Only {size(found.free_bytes)} are free on the disk of {path}."
        return warning(check, message, "Free some space; models and logs need it.")
    later = "" if found.exists else ", made when it is needed"
    return ok(check, f"{path}{later} ({size(found.free_bytes)} free)")


def check_daemon(system: System) -> Iterator[Finding]:
    """Whether it runs, whether its socket is private, and what it says of itself."""
    mode = system.socket_mode()
    if mode is not None and mode & 0o077:
        message = f"{system.paths.socket} is open to other users (mode {mode:o})."
        yield problem("socket", message, "Run `hob restart`, which makes it anew.")
    try:
        yield from _running(system.status())
    except NotRunning:
        if mode is None:
            yield ok("daemon", "not running; `hob up` starts it")
        else:
            yield warning(
                "daemon",
                "not running, though its socket is there, as after a crash.",
                "`hob up` clears it and starts the daemon; `hob logs` may say what happened.",
            )
    except HobError as error:
        yield problem("daemon", error.message, error.hint)


def _running(status: Status) -> Iterator[Finding]:
    if status.version == __version__:
        since = duration(time.time() - status.started_at)
        yield ok("daemon", f"runs (pid {status.pid}, for {since})")
    else:
        message = f"The daemon is version {status.version}, but this command {__version__}."
        yield warning("daemon", message, "Run `hob restart`.")
    for worker in status.workers:
        if worker.problem:
            message = f"{worker.model}: {worker.problem.message}"
            yield problem("worker", message, worker.problem.hint)
    api = status.api
    if api.problem:
        yield problem("api", api.problem.message, api.problem.hint)
    else:
        yield ok("api", f"open at {api.address}" if api.address else "TCP is off")


def check_models(system: System) -> Iterator[Finding]:
    """What the daemon says of each file; without it the files are only counted."""
    folder = _models_folder(system)
    try:
        entries = system.models().models
    except HobError:
        # check_daemon says why the daemon cannot be asked.
        count = sum(1 for _ in folder.rglob("*.gguf"))
        text = f"{count} in {folder}, not looked into while the daemon does not run"
    else:
        broken = [entry.info for entry in entries if entry.info.problem]
        for info in broken:
            assert info.problem is not None
            yield warning("models", f"{info.name}: {info.problem.message}", info.problem.hint)
        count = len(entries) - len(broken)
        text = f"{count} in {folder}"
    if count:
        yield ok("models", text)
    else:
        hint = "Run `hob models pull starter`, or put a .gguf file there."
        yield warning("models", f"There is no model in {folder} that can be loaded.", hint)


def check_command(system: System) -> Iterator[Finding]:
    own, found = system.own_command(), system.hob_on_path()
    # Resolved, since pipx and others put links on the PATH.
    if found is not None and found.resolve() == own.resolve():
        yield ok("command", f"`hob` is {found}")
        return
    other = f"`hob` is {found}, another installation" if found else "`hob` is not on your PATH"
    hint = f'Run: export PATH="{own.parent}:$PATH"'
    yield warning("command", f"{other}; this one is in {own.parent}.", hint)


def check_log(system: System) -> Iterator[Finding]:
    log_file = system.paths.log_file
    try:
        count = errors_since(log_file, time.time() - _DAY_S)
    except OSError as error:
        message = f"{log_file} cannot be read: {error.strerror or error}."
        yield problem("log", message, "Make it readable for you.")
        return
    if count:
        message = f"{count} errors in the last 24 hours."
        yield warning("log", message, "Run `hob logs --level error` to see them.")
    else:
        yield ok("log", "no errors in the last 24 hours")


def errors_since(log_file: Path, since: float) -> int:
    """How many errors were logged after `since` (unix seconds); reads from the end."""
    oldest = datetime.fromtimestamp(since, UTC).isoformat()
    count = 0
    for path in (log_file, *(older for _, older in rotated_files(log_file))):
        for line in lines_backwards(path):
            entry = read_entry(line)
            # Both are UTC in ISO 8601, which sorts as text.
            if str(entry.get("ts", oldest)) < oldest:
                return count
            count += at_least(entry, "error")
    return count


def _models_folder(system: System) -> Path:
    try:
        return system.config().models.folder
    except ConfigError:
        # check_config reports it; the default is the best guess.
        return system.paths.models_dir


CHECKS: tuple[Callable[[System], Iterator[Finding]], ...] = (
    check_python,
    check_llama,
    check_memory,
    check_config,
    check_folders,
    check_daemon,
    check_models,
    check_desktop,
    check_command,
    check_log,
)
