"""Matchers of every kind of constraint, over a small vocabulary."""

from __future__ import annotations

import ctypes
import json
from types import SimpleNamespace
from typing import cast

import pytest
from llguidance import LLParserLimits

from fakes.small_vocabulary import (
    CONTROL,
    END,
    ENDS,
    OTHER_END,
    PIECES,
    TEXT_END,
    allowed,
    is_complete,
    random_answer,
    small_vocabulary,
    tokenize,
    write,
)
from hob.engine.grammar.constraints import Constraints, json_expression
from hob.engine.grammar.refusal import ConstraintFailed, plain, shown
from hob.engine.grammar.tokenizer import Vocabulary
from hob.engine.native.vocab import Vocab
from hob.errors import InvalidRequest, UnsupportedParameter, WorkerError
from hob.wire.constraint import (
    MAX_CHOICES,
    Choices,
    Constraint,
    Gbnf,
    JsonObject,
    JsonSchema,
    Lark,
    Regex,
)

PERSON = JsonSchema(
    schema={
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
)


@pytest.fixture(scope="module")
def constraints() -> Constraints:
    return Constraints(small_vocabulary)


def refusal(constraints: Constraints, constraint: Constraint, param: str = "") -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        constraints.matcher(constraint, param=param)
    return caught.value


@pytest.mark.parametrize(
    ("constraint", "text"),
    [
        (JsonObject(), '{"a": [1, null, {"b": "c"}]}'),
        (JsonSchema(schema=True), "[]"),
        (JsonSchema(schema={}), "12"),
        (PERSON, '{"name": "Bob", "age": 42}'),
        (Regex(pattern="[a-c]+(, [a-c]+)*"), "ab, c"),
        (Regex(pattern="^ab$"), "ab"),
        (Lark(grammar='start: "a" start | "b"'), "aab"),
        (Gbnf(grammar='root ::= "yes" | "no"'), "no"),
        (Choices(choices=("yes", 'say "no"', "a\\b", "é", "\0\x7f\n", "yes, please")), 'say "no"'),
        (Choices(choices=("yes", "yes, please")), "yes, please"),
    ],
)
def test_what_meets_the_constraint_can_be_written(
    constraints: Constraints, constraint: Constraint, text: str
) -> None:
    matcher = constraints.matcher(constraint)
    assert write(matcher, text)
    assert is_complete(matcher)


@pytest.mark.parametrize(
    ("constraint", "text"),
    [
        (JsonObject(), "[]"),
        (JsonObject(), '{ "a"'),
        (JsonObject(), '{"a": 1,\n'),
        (PERSON, '{"age"'),
        (PERSON, '{"name": "Bob", "age": 42,'),
        (Regex(pattern="[a-c]+"), "d"),
        (Regex(pattern="ab"), "abc"),
        (Gbnf(grammar='root ::= "yes" | "no"'), "maybe"),
        (Choices(choices=("a.b",)), "axb"),
        (Choices(choices=("yes",)), "yes, please"),
    ],
)
def test_what_does_not_meet_it_cannot(
    constraints: Constraints, constraint: Constraint, text: str
) -> None:
    assert not write(constraints.matcher(constraint), text)


def test_an_answer_may_end_exactly_where_it_is_complete(constraints: Constraints) -> None:
    matcher = constraints.matcher(Regex(pattern="a|abc|stop!"))
    assert not ENDS & set(allowed(matcher))
    assert write(matcher, "a")
    assert set(allowed(matcher)) & ENDS == {END, OTHER_END, TEXT_END}
    assert write(matcher, "b")
    assert not ENDS & set(allowed(matcher))
    assert write(matcher, "c")
    assert set(allowed(matcher)) == ENDS


def test_a_token_that_ends_answers_is_no_text(constraints: Constraints) -> None:
    matcher = constraints.matcher(Regex(pattern="stop!"))
    assert TEXT_END not in allowed(matcher)
    assert write(matcher, "stop!")


def test_control_tokens_are_never_part_of_a_string(constraints: Constraints) -> None:
    matcher = constraints.matcher(JsonSchema(schema={"type": "string"}))
    assert write(matcher, '"')
    assert CONTROL not in allowed(matcher)


def test_allowed_logits_stay_as_they_are(constraints: Constraints) -> None:
    matcher = constraints.matcher(Regex(pattern="a"))
    logits = (ctypes.c_float * (len(PIECES) + 1))(*([2.5] * (len(PIECES) + 1)))
    matcher.mask(ctypes.addressof(logits))
    token = PIECES.index(b"a")
    assert logits[token] == 2.5
    assert set(logits[:token]) == {float("-inf")}
    assert logits[len(PIECES)] == 2.5, "written past the vocabulary"


def test_what_leaves_no_choice_is_forced(constraints: Constraints) -> None:
    matcher = constraints.matcher(PERSON)
    text = b"".join(PIECES[token] for token in matcher.forced())
    assert text.startswith(b'{"name')
    for token in matcher.forced():
        matcher.accept(token)
    rest = '{"name": "'[len(text.decode()) :]
    assert write(matcher, rest + "Bob")
    assert not matcher.forced()


def test_nothing_is_forced_past_the_end(constraints: Constraints) -> None:
    matcher = constraints.matcher(Choices(choices=("the cat",)))
    while tokens := matcher.forced():
        for token in tokens:
            assert token not in ENDS
            matcher.accept(token)
    assert is_complete(matcher)
    matcher.accept(END)
    assert not matcher.forced()


def test_an_answer_that_may_end_or_go_on_is_not_forced(constraints: Constraints) -> None:
    matcher = constraints.matcher(Choices(choices=("ab", "abc")))
    assert write(matcher, "ab")
    assert not matcher.forced()


def test_a_token_that_is_not_allowed_ends_the_answer_with_an_error(
    constraints: Constraints,
) -> None:
    matcher = constraints.matcher(Regex(pattern="a+"))
    with pytest.raises(ConstraintFailed):
        matcher.accept(PIECES.index(b"b"))
    with pytest.raises(ConstraintFailed):
        matcher.mask(ctypes.addressof((ctypes.c_float * len(PIECES))()))
    with pytest.raises(WorkerError):
        matcher.forced()


def test_an_end_that_comes_too_early_or_is_passed_is_an_error(constraints: Constraints) -> None:
    with pytest.raises(ConstraintFailed):
        constraints.matcher(Regex(pattern="a")).accept(END)
    matcher = constraints.matcher(Regex(pattern="a*"))
    matcher.accept(END)
    with pytest.raises(ConstraintFailed):
        matcher.accept(PIECES.index(b"a"))


def test_a_grammar_that_grows_too_complex_ends_the_answer_with_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = LLParserLimits(max_lexer_states=30, verbose_errors=False)
    monkeypatch.setattr("hob.engine.grammar.compilation.limits", lambda: few)
    matcher = Constraints(small_vocabulary).matcher(Regex(pattern="[ab]{100}"))
    with pytest.raises(ConstraintFailed):
        write(matcher, "a" * 100)


def test_a_grammar_that_takes_too_long_ends_the_answer_with_an_error(
    constraints: Constraints, monkeypatch: pytest.MonkeyPatch
) -> None:
    matcher = constraints.matcher(Regex(pattern="a+"))
    clock = iter(range(0, 1_000, 2))
    monkeypatch.setattr("time.thread_time", lambda: float(next(clock)))
    with pytest.raises(ConstraintFailed, match="too long"):
        allowed(matcher)


def test_matchers_of_one_constraint_are_independent(constraints: Constraints) -> None:
    first, second = constraints.matcher(PERSON), constraints.matcher(PERSON)
    assert write(first, '{"name": "a')
    assert not write(second, "a")
    assert write(second, '{"name": "b", "age": 1}')
    assert write(first, '", "age": 2}')
    assert is_complete(first)
    assert is_complete(second)


def test_the_vocabulary_is_read_once_and_only_when_needed() -> None:
    reads = []

    def read() -> Vocabulary:
        reads.append(1)
        return small_vocabulary()

    constraints = Constraints(read)
    with pytest.raises(InvalidRequest):
        constraints.matcher(Choices(choices=()))
    assert not reads
    constraints.matcher(JsonObject())
    constraints.matcher(PERSON)
    assert len(reads) == 1


def test_white_space_has_its_place_and_no_other(constraints: Constraints) -> None:
    for seed in range(30):
        text, ended = random_answer(constraints.matcher(JsonObject()), seed)
        if ended:
            assert text.decode() == json.dumps(json.loads(text), ensure_ascii=False) or (
                b"\n" not in text
            )


class TestAfterAText:
    def test_the_answer_is_free_until_then_and_may_not_end(self, constraints: Constraints) -> None:
        matcher = constraints.matcher(Regex(pattern="ab"), after="</think>")
        assert not ENDS & set(allowed(matcher))
        assert CONTROL in allowed(matcher)
        assert write(matcher, "whatever </thin </think")
        assert not matcher.forced()
        assert write(matcher, ">")
        assert write(matcher, "ab")
        assert is_complete(matcher)

    def test_an_end_until_then_is_an_error(self, constraints: Constraints) -> None:
        with pytest.raises(ConstraintFailed):
            constraints.matcher(JsonObject(), after="</think>").accept(END)

    def test_it_is_forced_as_usual_from_then_on(self, constraints: Constraints) -> None:
        matcher = constraints.matcher(Choices(choices=("ab",)), after="</think>")
        assert write(matcher, "x</think>")
        assert b"".join(PIECES[token] for token in matcher.forced()) == b"ab"

    def test_white_space_in_the_same_token_is_dropped(self, constraints: Constraints) -> None:
        matcher = constraints.matcher(JsonObject(), after="</think>")
        assert write(matcher, "</think")
        assert PIECES.index(b">\n\n") in allowed(matcher)
        matcher.accept(PIECES.index(b">\n\n"))
        assert write(matcher, '{"a": 1}')
        assert is_complete(matcher)

    def test_a_token_that_would_begin_the_answer_as_well_must_not_come(
        self, constraints: Constraints
    ) -> None:
        matcher = constraints.matcher(JsonObject(), after="</think>")
        assert PIECES.index(b">{") in allowed(matcher)
        assert PIECES.index(b"</think>x") not in allowed(matcher)
        assert write(matcher, "</think")
        assert {PIECES.index(b">{"), PIECES.index(b"><")}.isdisjoint(allowed(matcher))

    def test_if_it_comes_all_the_same_its_rest_counts(self, constraints: Constraints) -> None:
        matcher = constraints.matcher(JsonObject(), after="</think>")
        assert write(matcher, "</think")
        matcher.accept(PIECES.index(b">{"))
        assert write(matcher, '"a": 1}')
        other = constraints.matcher(JsonObject(), after="</think>")
        with pytest.raises(ConstraintFailed):
            other.accept(PIECES.index(b"</think>x"))


@pytest.mark.parametrize(
    ("constraint", "param"),
    [
        (JsonSchema(schema=False), "response_format"),
        (JsonSchema(schema=[]), "response_format"),
        (Regex(pattern="("), "grammar"),
        (Lark(grammar="start: missing"), "grammar"),
        (Gbnf(grammar="root"), "grammar"),
        (Choices(choices=()), "grammar"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_where(
    constraints: Constraints, constraint: Constraint, param: str
) -> None:
    error = refusal(constraints, constraint)
    assert error.param == param
    assert error.hint
    assert len(str(error)) < 500
    assert refusal(constraints, constraint, "tools").param == "tools"


def test_a_schema_within_a_grammar_is_written_and_checked_like_one_of_its_own(
    constraints: Constraints,
) -> None:
    grammar = f'start: "<" {json_expression(PERSON.schema, param="tools")} ">"'
    matcher = constraints.matcher(Lark(grammar=grammar))
    assert write(matcher, '<{"name": "Bob", "age": 42}>')
    assert is_complete(matcher)
    with pytest.raises(InvalidRequest) as caught:
        json_expression({"type": "array", "uniqueItems": True}, param="tools")
    assert caught.value.param == "tools"


def test_a_model_whose_answers_cannot_end_is_not_constrained() -> None:
    endless = SimpleNamespace(size=3, eos=None, is_end=lambda _token: False)
    constraints = Constraints.of(cast("Vocab", endless))
    with pytest.raises(UnsupportedParameter):
        constraints.matcher(JsonObject())


def test_what_is_said_of_a_hostile_text_is_one_short_line() -> None:
    text = plain("line \x1b[31m" + "(" * 10_000 + "\n   1 | start: (((\n      ^\nend")
    assert text.isprintable()
    assert len(text) < 300
    assert text.endswith("end.")
    assert "start" not in text
    assert shown("a" * 500) == repr("a" * 60 + "...")


def test_too_many_choices_are_refused(constraints: Constraints) -> None:
    most = tuple(map(str, range(MAX_CHOICES)))
    assert is_complete_after(constraints, Choices(choices=most), most[-1])
    assert "choices" in refusal(constraints, Choices(choices=(*most, "x"))).message


def is_complete_after(constraints: Constraints, constraint: Constraint, text: str) -> bool:
    matcher = constraints.matcher(constraint)
    return write(matcher, text) and is_complete(matcher)


def test_a_lark_grammar_may_name_control_tokens_and_schemas(constraints: Constraints) -> None:
    matcher = constraints.matcher(Lark(grammar='start: "a" <[2]> %json {"type": "integer"}'))
    assert write(matcher, "a")
    assert allowed(matcher) == [CONTROL]
    matcher.accept(CONTROL)
    assert write(matcher, "12")
    assert is_complete(matcher)


def test_tokenizing_is_the_inverse_of_writing() -> None:
    assert b"".join(PIECES[token] for token in tokenize('{"é": "\0"}')) == '{"é": "\0"}'.encode()
