"""Where things live: everything under HOB_HOME when it is set, else each OS's own folders."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# sockaddr_un holds 108 bytes on Linux and 104 on macOS, with the closing NUL.
_LONGEST_SOCKET_PATH = 100


@dataclass(frozen=True)
class Paths:
    """The files and folders of one Hob. Nothing here is created by looking."""

    config_file: Path
    models_dir: Path
    state_dir: Path
    log_dir: Path
    run_dir: Path
    cache_dir: Path

    @property
    def profiles_dir(self) -> Path:
        """What is set for models, beside what lies in the models folder itself."""
        return self.config_file.parent / "profiles"

    @property
    def socket(self) -> Path:
        """The UNIX socket; on Windows the name of the pipe."""
        if sys.platform == "win32":
            digest = _digest(self.run_dir)
            return Path(rf"\\.\pipe\hob-{digest}")
        return self.run_dir / "hob.sock"

    @property
    def lock_file(self) -> Path:
        """Held by the one daemon that runs."""
        return self.run_dir / "hob.lock"

    @property
    def pid_file(self) -> Path:
        """Tells a person which process holds the lock."""
        return self.run_dir / "hob.pid"

    @property
    def log_file(self) -> Path:
        return self.log_dir / "hob.log"

    @property
    def state_file(self) -> Path:
        return self.state_dir / "state.json"

    @property
    def prefix_dir(self) -> Path:
        """What the models have read of prompts; it may be thrown away at any time."""
        return self.cache_dir / "prefixes"

    @property
    def model_index(self) -> Path:
        """What was read of model files; it may be deleted at any time."""
        return self.cache_dir / "models.db"

    @property
    def notes_file(self) -> Path:
        """Aliases and what else is remembered of models."""
        return self.state_dir / "models.json"

    @property
    def plugins_dir(self) -> Path:
        """Plugins that are a single file; watched."""
        return self.config_file.parent / "plugins"

    @property
    def plugin_settings(self) -> Path:
        """Which plugins are on, and what is set for them and for hotkeys."""
        return self.config_file.parent / "plugins.toml"

    @property
    def plugin_storage(self) -> Path:
        """What plugins keep, a folder for each."""
        return self.state_dir / "plugins"

    @property
    def plugin_commands(self) -> Path:
        """Which commands plugins add to `hob`, so that the command line need not load any."""
        return self.cache_dir / "plugin-commands.json"

    @property
    def history_file(self) -> Path:
        """What was typed in `hob chat`."""
        return self.state_dir / "history"


def find_paths(environ: Mapping[str, str] = os.environ) -> Paths:
    """The paths for this user and environment."""
    if home := environ.get("HOB_HOME"):
        root = Path(home).expanduser().absolute()
        return Paths(
            config_file=root / "config.toml",
            models_dir=root / "models",
            state_dir=root / "state",
            log_dir=root / "logs",
            run_dir=_short_enough(root / "run", environ),
            cache_dir=root / "cache",
        )
    import platformdirs

    dirs = platformdirs.PlatformDirs("hob", appauthor=False)
    return Paths(
        config_file=dirs.user_config_path / "config.toml",
        models_dir=dirs.user_data_path / "models",
        state_dir=dirs.user_state_path,
        log_dir=dirs.user_log_path,
        run_dir=_short_enough(_runtime_dir(dirs.user_state_path, environ), environ),
        cache_dir=dirs.user_cache_path,
    )


def _runtime_dir(state_dir: Path, environ: Mapping[str, str]) -> Path:
    """The session's runtime folder on Linux; elsewhere, and without one, a folder of our own.

    A program that is started outside the session (cron, ssh) has no XDG_RUNTIME_DIR and must find
    the same socket, hence the look at systemd's fixed place. Never a folder in /tmp: its name could
    be taken by somebody else first.
    """
    if sys.platform == "linux":
        for base in (environ.get("XDG_RUNTIME_DIR"), f"/run/user/{os.getuid()}"):
            if base and Path(base).is_dir():
                return Path(base) / "hob"
    return state_dir / "run"


def _short_enough(run_dir: Path, environ: Mapping[str, str]) -> Path:
    """`run_dir`, or a short folder that stands for it when a socket's address could not hold it."""
    if sys.platform == "win32" or len(os.fsencode(run_dir / "hob.sock")) <= _LONGEST_SOCKET_PATH:
        return run_dir
    import tempfile

    # Whoever makes the folder checks that it is this user's own, as it may be under /tmp.
    base = environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return Path(base) / f"hob-{os.getuid()}-{_digest(run_dir)}"


def _digest(folder: Path) -> str:
    """A short name that stands for a folder. Imported late: most commands never need one."""
    import hashlib

    return hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
