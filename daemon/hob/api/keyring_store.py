"""A secret in the OS keyring, asked for in a child process (see hob.api.token_child): a Secret
Service that hangs, or a keyring library that grows, must not do so in the daemon."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from hob.api.token_child import Answer, Problem
from hob.errors import SecretStoreError

Where = Literal["keyring", "file"]

# Seconds. A keyring that is unlocked answers in milliseconds; a person types a password slowly.
ANSWER_LIMIT_S = 5.0
PROMPT_LIMIT_S = 60.0

_FILE_HINT = "`hob api on --token-file` keeps the token in a file that only you can read"

# On Windows a program without a console would open one for its child.
_NO_WINDOW = int(getattr(subprocess, "CREATE_NO_WINDOW", 0))


@dataclass(frozen=True)
class Words:
    """How a person is told of the secret: what it is, what to run again once the keyring works,
    and what to do without one."""

    what: str = "the token"
    again: str = "`hob api on`"
    otherwise: str = _FILE_HINT


_API_TOKEN = Words()


class KeyringStore:
    """The OS keyring, by way of a child process that is ended when it takes too long."""

    where: Where = "keyring"

    def __init__(
        self,
        username: str,
        *,
        answer_limit_s: float = ANSWER_LIMIT_S,
        prompt_limit_s: float = PROMPT_LIMIT_S,
        command: Sequence[str] = (sys.executable, "-P", "-m", "hob.api.token_child"),
        words: Words = _API_TOKEN,
    ) -> None:
        self._words = words
        self._username = username
        self._answer_limit_s = answer_limit_s
        self._prompt_limit_s = prompt_limit_s
        self._command = tuple(command)

    async def get(self, may_prompt: bool) -> str | None:
        return (await self._ask("get", may_prompt)).secret

    async def set(self, token: str, may_prompt: bool) -> None:
        await self._ask("set", may_prompt, token)

    async def delete(self, may_prompt: bool) -> None:
        await self._ask("delete", may_prompt)

    async def _ask(self, action: str, may_prompt: bool, secret: str = "") -> Answer:
        """Run the child once. Before its answer it may say that a person is being asked."""
        mode = "prompt" if may_prompt else "quiet"
        try:
            child = await asyncio.create_subprocess_exec(
                *self._command,
                action,
                mode,
                self._username,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                # A Ctrl-C in the daemon's terminal is not meant for it.
                start_new_session=True,
                creationflags=_NO_WINDOW,
            )
        except OSError as error:
            raise _unreadable(type(error).__name__, self._words) from error
        try:
            answer = await self._converse(child, secret, action == "set" and may_prompt)
        except (OSError, ValueError) as error:  # it died, or said something that is no Answer
            raise _unreadable(type(error).__name__, self._words) from error
        finally:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
        if answer.problem is not None:
            raise _explain(answer.problem, answer.detail, self._words)
        return answer

    async def _converse(
        self, child: asyncio.subprocess.Process, secret: str, patient: bool
    ) -> Answer:
        assert child.stdin is not None
        assert child.stdout is not None
        limit = self._prompt_limit_s if patient else self._answer_limit_s
        try:
            async with asyncio.timeout(limit) as deadline:
                child.stdin.write(secret.encode())
                child.stdin.close()
                answer = _decode(await child.stdout.readline())
                if answer.waiting:
                    limit = self._prompt_limit_s
                    deadline.reschedule(asyncio.get_running_loop().time() + limit)
                    answer = _decode(await child.stdout.readline())
        except TimeoutError:
            raise SecretStoreError(
                f"The keyring has not answered within {limit:g} s, so {self._words.what}"
                " is not known.",
                hint=f"Unlock or restart the keyring and try again; or {self._words.otherwise}.",
                limit_s=limit,
            ) from None
        return answer


def _decode(line: bytes) -> Answer:
    return msgspec.json.decode(line, type=Answer)


def _explain(problem: Problem, detail: str, words: Words) -> SecretStoreError:
    if problem == "none":
        return SecretStoreError(
            f"No keyring answers on this machine, so {words.what} has no safe place.",
            hint=f"{words.otherwise}; or install and start gnome-keyring or KWallet.",
            reason=detail,
        )
    if problem == "locked":
        return SecretStoreError(
            f"The keyring is locked, so {words.what} cannot be read.",
            hint=f"Unlock it and run {words.again}; or {words.otherwise}.",
            reason=detail,
        )
    return _unreadable(detail, words)


def _unreadable(reason: str, words: Words) -> SecretStoreError:
    return SecretStoreError(
        f"The keyring answers, but it does not give or keep {words.what}.",
        hint=f"Look into it with your keyring's own program; or {words.otherwise}.",
        reason=reason,
    )
