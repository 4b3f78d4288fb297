"""GBNF means the same here as it does to llama.cpp."""

from __future__ import annotations

import pytest

from fakes.small_vocabulary import is_complete, random_answer, small_vocabulary, write
from hob.engine.grammar.constraints import Constraints
from hob.engine.grammar.gbnf import gbnf_to_lark
from hob.engine.grammar.refusal import Refusal
from hob.wire.constraint import Gbnf

# Each matches as much as it can, and what follows must get its share all the same.
GREEDY = (
    'root ::= "(" root ")" | word last "!"? ws "\\n"\nword ::= [a-z]+\nlast ::= "z"\nws ::= [ \\n]*'
)
ARITHMETIC = """
# Sums, one a line.
root  ::= (expr "=" ws term "\\n")+
expr  ::= term ([-+*/] term)*
term  ::= ident | num | "(" ws expr ")" ws
ident ::= [a-z] [a-z0-9_]* ws
num   ::= [0-9]+ ws
ws    ::= [ \\t\\n]*
"""


@pytest.fixture(scope="module")
def constraints() -> Constraints:
    return Constraints(small_vocabulary)


@pytest.mark.parametrize(
    ("grammar", "text"),
    [
        ('root ::= "a" "b"', "ab"),
        ('root ::= ("a" | "b")+ "c"', "abac"),
        ('root ::= "a"{2}', "aa"),
        ('root ::= "a"{2,}', "aaaa"),
        ('root ::= "a"{0,2} "b"', "aab"),
        ('root ::= "a"++', "aaa"),
        ('root ::= "a" | # nothing\n', ""),
        ("root ::= [a-c0-9_-]+", "b-7_"),
        ("root ::= [^a-c]+", "xyz\n"),
        ("root ::= [^]", "\n"),
        ("root ::= .{3}", "a\né"),
        (r"root ::= [\]\\\[\"]+", '[]\\"'),
        (r'root ::= "\x41\u00e9\U0001F600\t\"\\/"', 'Aé😀\t"\\/'),
        ("root ::= a-b\na-b ::= a_b\na_b ::= aB\naB ::= ab\nab ::= [/]", "/"),
        ('root ::= "x" |\n  "y"\n  | "z"', "z"),
        ('root ::= (\n"x"\n|\n"y"\n)', "y"),
        ('root::="a"\r\n', "a"),
        (GREEDY, "((abz\n))"),
        (GREEDY, "zz! \n\n\n"),
        (ARITHMETIC, "(a +1) *3= 4\n"),
        (ARITHMETIC, "a=b\nc=d\n\n"),
    ],
)
def test_what_it_describes_can_be_written(
    constraints: Constraints, grammar: str, text: str
) -> None:
    matcher = constraints.matcher(Gbnf(grammar=grammar))
    assert write(matcher, text)
    assert is_complete(matcher)


@pytest.mark.parametrize(
    ("grammar", "text"),
    [
        ('root ::= "a"{2}', "aaa"),
        ('root ::= "a"{0,2} "b"', "aaa"),
        ("root ::= [a-c]", "d"),
        ("root ::= [^a-c]", "a"),
        ('root ::= "a.b"', "axb"),
        (GREEDY, "(ab)"),
        (ARITHMETIC, "1+=2"),
    ],
)
def test_what_it_does_not_describe_cannot(
    constraints: Constraints, grammar: str, text: str
) -> None:
    assert not write(constraints.matcher(Gbnf(grammar=grammar)), text)


@pytest.mark.parametrize("seed", range(20))
def test_answers_come_to_an_end(constraints: Constraints, seed: int) -> None:
    grammar = """root ::= object
    object ::= "{" (pair ("," pair)*)? "}"
    pair ::= "\\"" [a-z]* "\\":" value
    value ::= object | "0"
    """
    text, ended = random_answer(constraints.matcher(Gbnf(grammar=grammar)), seed)
    assert not ended or text.count(b"{") == text.count(b"}")


@pytest.mark.parametrize(
    ("grammar", "why"),
    [
        ('root ::= "a"\n\n"b" ::= "c"', "line 3: '::=' is not expected"),
        ('root ::= ("a"', "a bracket is not closed"),
        ('root ::= ("a"\nb ::= "c")', "line 2: '::=' is not expected"),
        ('root ::= "a"{2,1,}', "line 1: a repetition is"),
        ('root ::= "\\q"', r"line 1: \\q is no escape"),
        ('"a"', "a rule begins with its name"),
        ("root ::= <think>", "line 1: this is not understood"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(grammar: str, why: str) -> None:
    with pytest.raises(Refusal, match=why):
        gbnf_to_lark(grammar)
