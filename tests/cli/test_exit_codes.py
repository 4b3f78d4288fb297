from __future__ import annotations

import pytest

from hob.cli.exit_codes import BY_ERROR, MEANINGS, ExitCode, exit_code, table
from hob.errors import NotRunning, error_classes


def test_every_error_has_an_exit_code_and_no_code_is_for_an_error_that_is_none() -> None:
    assert BY_ERROR.keys() == error_classes().keys()


def test_no_error_counts_as_success() -> None:
    assert ExitCode.OK not in BY_ERROR.values()


def test_every_exit_code_is_explained() -> None:
    assert MEANINGS.keys() == set(ExitCode)
    for code in ExitCode:
        assert f"{code.value:>4}  " in table()


@pytest.mark.parametrize("cls", error_classes().values())
def test_an_error_of_any_class_ends_with_the_code_of_the_table(cls: type[Exception]) -> None:
    error = cls("It failed.")
    assert exit_code(error) == BY_ERROR[error.code]  # type: ignore[arg-type, attr-defined]


def test_scripts_can_tell_that_the_daemon_is_not_running() -> None:
    assert exit_code(NotRunning("x")) == 3
