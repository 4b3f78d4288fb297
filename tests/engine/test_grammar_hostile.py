"""Constraints that mean harm are refused or work; they run in a process of their own, which would
not be there any more to tell of a crash."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.hostile_constraints import REFUSED, WORKS
from fakes.small_vocabulary import random_answer, small_vocabulary
from hob.engine.grammar.constraints import Constraints
from hob.engine.grammar.refusal import ConstraintFailed
from hob.errors import InvalidRequest
from hob.wire.constraint import Choices, Constraint, Gbnf, Lark, Regex

TESTS = Path(__file__).parent.parent
CONSTRAINTS = Constraints(small_vocabulary)


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


def pieces(*texts: str) -> st.SearchStrategy[str]:
    """Noise that is nearly a grammar."""
    some = st.sampled_from(texts) | st.text(max_size=2)
    return st.lists(some, max_size=20).map("".join)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    constraint=st.one_of(
        pieces(
            "root ::= ", "\n", "a", ' "b" ', "[a-z]", "[^", "]", "(", ")", "|", "*", "+", "?",
            "{2}", "{1,3}", "{,", ".", "\\", '"', "#", "a ::= ", "\\u0041", "\\x4", "-", "^",
        ).map(lambda text: Gbnf(grammar=f"root ::= {text}")),
        pieces(
            "start: ", "\n", "A", "b", ' "b" ', "/[a-z]/", "/", "(", ")", "|", "*", "+", "?", "{2}",
            "~2", "~", "[", "]", "b: ", "A: ", "%json {}", "%json", "<[1]>", "<x>", "&", "@b", "%",
            "%ignore /x/\n", "%llguidance {}\n", "[capture]", "[lazy]", 'b[stop="x"]: ', "::",
        ).map(lambda text: Lark(grammar=f"start: {text}")),
        pieces(
            "a", ".", "*", "+", "?", "{2}", "{1,3}", "{", "}", "(", ")", "(?:", "(?i)", "[", "]",
            "^", "$", "|", "\\d", "\\b", "\\p{L}", "\\", "[^a]", "\\/", "/", "-", "\n",
            "(?P<x>", "&&", "~",
        ).map(lambda text: Regex(pattern=text)),
        st.lists(st.text(), max_size=4).map(lambda texts: Choices(choices=tuple(texts))),
    ),
    seed=st.integers(0, 100),
)  # fmt: skip
def test_noise_is_refused_or_works(constraint: Constraint, seed: int) -> None:
    # A grammar may prove too complex on the way; nothing else may go wrong.
    with suppress(InvalidRequest, ConstraintFailed):
        random_answer(CONSTRAINTS.matcher(constraint), seed, most=20)


def test_nothing_crashes(outcomes: dict[str, str]) -> None:
    assert outcomes["the end"] == "0"
