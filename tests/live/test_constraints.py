"""The starter model, kept within constraints token by token."""

from __future__ import annotations

import ctypes
import json
import random
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from hob.engine.grammar.constraints import Constraints
from hob.engine.native.context import Context, ContextParams
from hob.engine.native.library import lib
from hob.engine.native.model import Model
from hob.engine.runtime import Chunk, Matcher
from hob.wire.constraint import Choices, Constraint, Gbnf, JsonObject, JsonSchema, Lark, Regex
from live_daemon import starter_model

# llguidance asks llama.cpp for each token of the vocabulary in a way that has a newer one.
pytestmark = pytest.mark.filterwarnings("ignore:llama_token_get_attr:DeprecationWarning")

PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 30},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "email": {"type": "string", "format": "email", "maxLength": 40},
        "born": {"type": "string", "format": "date"},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 1, "maxItems": 3},
    },
    "required": ["name", "age", "email", "born", "tags"],
    "additionalProperties": False,
}
TREE: dict[str, Any] = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer", "minimum": 0, "maximum": 9},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}, "maxItems": 2},
            },
            "required": ["value", "children"],
            "additionalProperties": False,
        }
    },
}


@dataclass
class Answer:
    """`complete`: the model ended it; `drawn` counts the tokens that were not forced."""

    text: str
    complete: bool
    tokens: int
    drawn: int


class Writer:
    """Greedy or random draws from the model's logits, as few lines as that takes."""

    def __init__(self, model: Model, context: Context) -> None:
        self.model, self.context = model, context
        self.vocab = model.vocab
        self.constraints = Constraints.of(model.vocab)

    def write(
        self, question: str, matcher: Matcher, most: int = 120, seed: int | None = None
    ) -> Answer:
        prompt = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
        pending = self.vocab.tokenize(prompt, add_special=False, parse_special=True)
        self.context.cut(0, 0)
        place, data, tokens, drawn = 0, b"", 0, 0
        draw = random.Random(seed)
        while tokens < most:
            chunk = Chunk(slot=0, start=place, tokens=pending, outputs=1)
            (index,) = self.context.decode([chunk])
            place += len(pending)
            token = self._draw(index, matcher, draw if seed is not None else None)
            matcher.accept(token)
            tokens, drawn = tokens + 1, drawn + 1
            if self.vocab.is_end(token):
                return Answer(data.decode("utf-8", "replace"), True, tokens, drawn)
            pending = [token, *matcher.forced()]
            for forced in pending[1:]:
                matcher.accept(forced)
            tokens += len(pending) - 1
            data += b"".join(map(self.vocab.piece, pending))
        return Answer(data.decode("utf-8", "replace"), False, tokens, drawn)

    def _draw(self, index: int, matcher: Matcher, draw: random.Random | None) -> int:
        pointer = lib.llama_get_logits_ith(self.context.pointer, index)
        matcher.mask(ctypes.addressof(pointer.contents))
        logits = np.ctypeslib.as_array(pointer, (self.vocab.size,))
        if draw is None:
            return int(logits.argmax())
        weights = np.exp(logits - logits.max()).cumsum()
        return int(np.searchsorted(weights, draw.random() * weights[-1], side="right"))


@pytest.fixture(scope="module")
def writer() -> Iterator[Writer]:
    with ExitStack() as stack:
        model = stack.enter_context(
            Model.load(
                starter_model(), gpu_layers=0, mmap=True, mlock=False, progress=lambda _part: None
            )
        )
        params = ContextParams(
            length=2048,
            slots=1,
            places=1,
            batch=512,
            threads=2,
            flash_attention="auto",
            kv_type="f16",
        )
        yield Writer(model, stack.enter_context(Context(model, params)))


@pytest.mark.parametrize("seed", [None, 1, 2])
@pytest.mark.parametrize("schema", [PERSON, TREE], ids=["person", "tree"])
def test_a_schema_is_kept(writer: Writer, schema: dict[str, Any], seed: int | None) -> None:
    matcher = writer.constraints.matcher(JsonSchema(schema=schema))
    answer = writer.write("Write JSON.", matcher, seed=seed)
    if answer.complete:
        Draft202012Validator(schema).validate(json.loads(answer.text))


def test_what_is_certain_is_not_drawn(writer: Writer) -> None:
    matcher = writer.constraints.matcher(JsonSchema(schema=PERSON))
    answer = writer.write("Who are you?", matcher)
    assert answer.drawn < answer.tokens * 0.8


@pytest.mark.parametrize("seed", [None, 1])
def test_any_object_is_an_object_or_cut_short(writer: Writer, seed: int | None) -> None:
    matcher = writer.constraints.matcher(JsonObject())
    answer = writer.write('Write the JSON {"a": 1}', matcher, seed=seed)
    assert answer.text.startswith("{")
    assert "\n" not in answer.text
    if answer.complete:
        assert isinstance(json.loads(answer.text), dict)


@pytest.mark.parametrize(
    ("constraint", "pattern"),
    [
        (Choices(choices=("red", "green", "blue, or so")), "red|green|blue, or so"),
        (Regex(pattern="[A-Z][a-z]{2,8} [0-9]{2}"), "[A-Z][a-z]{2,8} [0-9]{2}"),
        (Lark(grammar='start: "<" W ">"\nW: /[a-z]{1,9}/'), "<[a-z]{1,9}>"),
        (
            Gbnf(grammar='root ::= item{3}\nitem ::= "- " [^\\n]{1,20} "\\n"'),
            "(- [^\n]{1,20}\n){3}",
        ),
    ],
)
@pytest.mark.parametrize("seed", [None, 1])
def test_text_is_kept_to_its_form(
    writer: Writer, constraint: Constraint, pattern: str, seed: int | None
) -> None:
    answer = writer.write("Name a colour.", writer.constraints.matcher(constraint), seed=seed)
    assert answer.complete
    assert re.fullmatch(pattern, answer.text)


def test_a_constraint_begins_after_a_text_that_is_spread_over_tokens(writer: Writer) -> None:
    matcher = writer.constraints.matcher(Choices(choices=("red", "blue")), after="</think>")
    thought = "Hm, let me <see>. </think>"
    tokens = writer.vocab.tokenize(thought, add_special=False, parse_special=True)
    assert len(tokens) > 5
    logits = (ctypes.c_float * writer.vocab.size)()
    for token in tokens:
        assert not matcher.forced()
        matcher.mask(ctypes.addressof(logits))
        assert logits[token] == 0
        matcher.accept(token)
    answer = writer.write("Red or blue?", matcher)
    assert answer.complete
    assert answer.text in ("red", "blue")


def test_only_tokens_that_end_answers_follow_a_complete_one(writer: Writer) -> None:
    matcher = writer.constraints.matcher(Choices(choices=("red",)))
    for token in writer.vocab.tokenize("red", add_special=False, parse_special=False):
        matcher.accept(token)
    logits = (ctypes.c_float * writer.vocab.size)()
    matcher.mask(ctypes.addressof(logits))
    left = [token for token, value in enumerate(logits) if value == 0]
    assert left == [token for token in range(writer.vocab.size) if writer.vocab.is_end(token)]
    assert writer.vocab.eos in left
