"""The keyring is asked in a child process: it may be real, absent, locked, stuck or broken."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from keyring.backend import KeyringBackend

import hob
from fakes.keyring_backends import Hanging, PlainText
from fakes.secret_service import clean_environment, lock_keyring, secret_service
from hob.api.keyring_store import KeyringStore, Words
from hob.api.token_child import is_secure
from hob.api.token_store import new_token
from hob.errors import SecretStoreError

TESTS = Path(__file__).parents[1]
SOURCES = Path(hob.__file__).parents[1]


def keyring_store(username: str = "api-token") -> KeyringStore:
    """One with limits that only a keyring that hangs can reach, however busy the machine is."""
    return KeyringStore(username, answer_limit_s=60, prompt_limit_s=60)


def use_environment(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    """Make it the environment of the children that are started from now on."""
    for name in os.environ:
        monkeypatch.delenv(name)
    for name, value in {**environment, "PYTHONPATH": f"{SOURCES}{os.pathsep}{TESTS}"}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def no_bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a D-Bus session."""
    use_environment(monkeypatch, clean_environment(tmp_path / "home"))


@pytest.fixture
def unlocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A machine where gnome-keyring runs and is unlocked."""
    with secret_service(tmp_path / "home") as environment:
        use_environment(monkeypatch, environment)
        yield environment


@pytest.mark.usefixtures("unlocked")
async def test_gnome_keyring_keeps_the_token() -> None:
    store = keyring_store()
    assert await store.get(may_prompt=False) is None
    for token in (new_token(), new_token()):
        await store.set(token, may_prompt=False)
        assert await store.get(may_prompt=False) == token
    other_home = keyring_store("api-token-a1b2")
    assert await other_home.get(may_prompt=False) is None
    await store.delete(may_prompt=False)
    assert await store.get(may_prompt=False) is None
    await store.delete(may_prompt=False)


async def test_a_locked_keyring_is_said_at_once_when_nobody_can_unlock_it(
    unlocked: dict[str, str],
) -> None:
    store = keyring_store()
    await store.set(new_token(), may_prompt=False)
    lock_keyring(unlocked)
    with pytest.raises(SecretStoreError, match="locked") as caught:
        await store.get(may_prompt=False)
    assert "--token-file" in caught.value.hint
    with pytest.raises(SecretStoreError, match="locked"):
        await store.set(new_token(), may_prompt=False)


@pytest.mark.usefixtures("no_bus")
async def test_another_secret_is_told_of_in_its_own_words() -> None:
    store = KeyringStore("hf-token", words=Words("the hub's token", "`hob login hf`", "go without"))
    with pytest.raises(SecretStoreError, match="the hub's token has no safe place") as caught:
        await store.set("hf_secret", may_prompt=False)
    assert "go without" in caught.value.hint
    assert "--token-file" not in caught.value.hint


@pytest.mark.usefixtures("no_bus")
async def test_no_keyring_is_a_clear_error() -> None:
    store = keyring_store()
    for asked in (store.get(False), store.set(new_token(), True), store.delete(False)):
        with pytest.raises(SecretStoreError, match="No keyring answers") as caught:
            await asked
        assert "`hob api on --token-file`" in caught.value.hint
        assert "gnome-keyring" in caught.value.hint


@pytest.mark.usefixtures("no_bus")
@pytest.mark.parametrize(
    ("backend", "message"),
    [
        ("fakes.keyring_backends.PlainText", "No keyring answers"),
        ("keyring.backends.null.Keyring", "No keyring answers"),
        ("keyring.backends.fail.Keyring", "No keyring answers"),
        ("fakes.keyring_backends.Raising", "does not give or keep"),
        ("fakes.keyring_backends.Dying", "does not give or keep"),
        ("no.such.module.Keyring", "does not give or keep"),
    ],
)
async def test_a_keyring_that_cannot_be_trusted_or_breaks_is_a_clear_error(
    monkeypatch: pytest.MonkeyPatch, backend: str, message: str
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", backend)
    with pytest.raises(SecretStoreError, match=message) as caught:
        await keyring_store().get(may_prompt=True)
    assert "hob-secret" not in str(caught.value)
    assert "hob-secret" not in str(caught.value.details)


@pytest.mark.usefixtures("no_bus")
@pytest.mark.parametrize("action", ["get", "set", "delete"])
async def test_a_keyring_that_hangs_is_given_up(
    monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "fakes.keyring_backends.Hanging")
    store = KeyringStore("api-token", answer_limit_s=0.5, prompt_limit_s=0.5)
    asked = {
        "get": store.get(may_prompt=True),
        "set": store.set("x", may_prompt=True),
        "delete": store.delete(may_prompt=True),
    }
    with pytest.raises(SecretStoreError, match=r"within 0\.5 s"):
        await asked.pop(action)
    for unused in asked.values():
        unused.close()


@pytest.mark.usefixtures("no_bus")
async def test_what_a_backend_prints_is_not_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "fakes.keyring_backends.Chatty")
    assert await keyring_store().get(may_prompt=False) == "hob-the-real-token-0123456789"


async def test_a_child_that_cannot_be_started_is_a_clear_error(tmp_path: Path) -> None:
    store = KeyringStore("t", command=(str(tmp_path / "no-python"),))
    with pytest.raises(SecretStoreError):
        await store.get(may_prompt=False)


async def test_a_child_that_talks_nonsense_is_a_clear_error() -> None:
    for program in ("print('nonsense')", "print('x' * 100_000)", "pass", "print('{}')"):
        store = KeyringStore("t", command=(sys.executable, "-c", program), answer_limit_s=60)
        if program == "print('{}')":
            assert await store.get(may_prompt=False) is None
            continue
        with pytest.raises(SecretStoreError, match="does not give or keep"):
            await store.get(may_prompt=False)


async def test_a_person_who_is_being_asked_has_a_limit_of_their_own() -> None:
    """The child says that it waits: the limit for an answer ends, and the one for typing begins."""
    program = "import signal; print('{\"waiting\": true}', flush=True); signal.pause()"
    store = KeyringStore(
        "t", command=(sys.executable, "-c", program), answer_limit_s=100, prompt_limit_s=0.3
    )
    with pytest.raises(SecretStoreError, match=r"within 0\.3 s"):
        await store.get(may_prompt=True)


async def test_an_answer_after_a_prompt_counts() -> None:
    lines = r"""print('{"waiting": true}\n{"secret": "hob-typed-by-a-person"}')"""
    store = KeyringStore("t", command=(sys.executable, "-c", lines), answer_limit_s=60)
    assert await store.get(may_prompt=True) == "hob-typed-by-a-person"


async def test_the_secret_is_neither_in_the_arguments_nor_in_the_environment() -> None:
    program = (
        "import os, sys, json; secret = sys.stdin.read();"
        "seen = secret in ' '.join(sys.argv) or secret in str(os.environ);"
        "print(json.dumps({'problem': 'failed'} if seen or not secret else {}))"
    )
    store = KeyringStore("t", command=(sys.executable, "-c", program), answer_limit_s=60)
    await store.set(new_token(), may_prompt=False)


def test_the_daemon_never_loads_keyring() -> None:
    program = (
        "import sys, hob.api.access, hob.api.token_store, hob.api.transport;"
        "print([m for m in sys.modules if m.split('.')[0] in ('keyring', 'secretstorage')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("backend", "secure"),
    [
        (Hanging, True),
        (PlainText, False),
        (type("Registry", (Hanging,), {"__module__": "keyrings.alt.Windows"}), False),
    ],
)
def test_keyrings_of_low_priority_or_from_keyrings_alt_are_not_secure(
    backend: Callable[[], KeyringBackend], secure: bool
) -> None:
    assert is_secure(backend()) is secure
