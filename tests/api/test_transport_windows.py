"""What the named pipe's access list says, and what its errors mean; Windows does the rest."""

from __future__ import annotations

import asyncio

import pytest

from hob.api.transport_windows import is_own_peer, is_own_pipe, owner_only_sddl, start_error
from hob.errors import AlreadyRunning, StartFailed

SID = "S-1-5-21-1111111111-2222222222-3333333333-1001"
PIPE = r"\\.\pipe\hob-0123456789abcdef"


def test_the_access_list_names_the_user_and_nobody_else() -> None:
    sddl = owner_only_sddl(SID)
    owner, _, access = sddl.partition("D:")
    assert owner == f"O:{SID}"
    assert access.startswith("P("), "protected: nothing is inherited"
    assert access.count("(") == 1, "one entry"
    assert access == f"P(A;;GA;;;{SID})"


@pytest.mark.parametrize("winerror", [5, 231])
def test_a_name_that_is_taken_is_never_shared(winerror: int) -> None:
    error = start_error(PIPE, winerror, "Access is denied")
    assert isinstance(error, AlreadyRunning)
    assert PIPE in error.message
    assert error.hint


def test_other_errors_say_what_to_do() -> None:
    error = start_error(PIPE, 123, "The filename is incorrect")
    assert isinstance(error, StartFailed)
    assert "The filename is incorrect" in error.message
    assert "HOB_HOME" in error.hint


def test_only_a_pipe_vouches_for_its_peer() -> None:
    assert is_own_peer(asyncio.BaseTransport({"pipe": object()}))
    assert not is_own_pipe(asyncio.BaseTransport({"socket": object()}))
