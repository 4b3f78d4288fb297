"""Constraints that mean harm are refused or work; they run in a process of their own, which would
not be there any more to tell of a crash."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fakes.hostile_constraints import REFUSED, WORKS

TESTS = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str]:
    run = subprocess.run(
        [sys.executable, "-m", "fakes.hostile_constraints"],
        cwd=TESTS,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return dict(map(json.loads, run.stdout.splitlines())) | {"the end": str(run.returncode)}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_a_sentence(outcomes: dict[str, str], name: str) -> None:
    outcome = outcomes.get(name, "crashed or hung")
    assert outcome.startswith("refused: "), outcome
    assert len(outcome) < 500
    assert outcome.isprintable()


@pytest.mark.parametrize("name", WORKS)
def test_it_works(outcomes: dict[str, str], name: str) -> None:
    assert outcomes.get(name, "crashed or hung") == "works"


def test_nothing_crashes(outcomes: dict[str, str]) -> None:
    assert outcomes["the end"] == "0"
