"""A real Secret Service for a test: gnome-keyring in a D-Bus session and a home of its own.

Needs the Debian packages dbus and gnome-keyring.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SESSION = """
set -eu
printf 'login password' | gnome-keyring-daemon --unlock --components=secrets >&2
printf '%s\\n' "$DBUS_SESSION_BUS_ADDRESS"
read -r _ # until the test closes our stdin; then dbus-daemon ends, and the keyring with it
"""


def clean_environment(home: Path) -> dict[str, str]:
    """An environment without a session bus, a display or any keyring settings."""
    home.mkdir(exist_ok=True)
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_RUNTIME_DIR": str(home),
        # Otherwise libdbus may start a bus of its own.
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={home}/no-bus",
    }


@contextmanager
def secret_service(home: Path) -> Iterator[dict[str, str]]:
    """The environment of a session whose keyring is unlocked."""
    environment = clean_environment(home)
    home.chmod(0o700)
    with subprocess.Popen(
        ["dbus-run-session", "--", "sh", "-c", _SESSION],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as session:
        assert session.stdin is not None
        assert session.stdout is not None
        address = session.stdout.readline().strip()
        try:
            if not address:
                raise RuntimeError("no Secret Service: install the packages dbus and gnome-keyring")
            yield {**environment, "DBUS_SESSION_BUS_ADDRESS": address}
        finally:
            session.stdin.close()


def lock_keyring(environment: dict[str, str]) -> None:
    """Lock the default collection, as a session that has idled does."""
    subprocess.run(
        [
            "dbus-send",
            "--session",
            "--print-reply",
            "--dest=org.freedesktop.secrets",
            "/org/freedesktop/secrets",
            "org.freedesktop.Secret.Service.Lock",
            "array:objpath:/org/freedesktop/secrets/aliases/default",
        ],
        env=environment,
        check=True,
        capture_output=True,
    )
