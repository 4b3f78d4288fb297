"""What requests ask of their answers, made into matchers for one loaded model."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from hob.engine.grammar.compilation import compile_grammar
from hob.engine.grammar.gbnf import gbnf_to_lark
from hob.engine.grammar.matcher import DelayedMatcher, GrammarMatcher, find_joiners
from hob.engine.grammar.refusal import Refusal, refused
from hob.engine.grammar.schema import checked_schema
from hob.engine.grammar.texts import check_lark, check_regex, choices_to_lark
from hob.engine.grammar.tokenizer import Vocabulary, read_vocabulary
from hob.engine.native.vocab import Vocab
from hob.engine.runtime import Matcher
from hob.wire.constraint import Choices, Constraint, Gbnf, JsonObject, JsonSchema, Lark, Regex

if TYPE_CHECKING:
    from llguidance import LLMatcher
    from llguidance._lib import JsonCompileOptions

# White space is where people put it and nowhere else, so that no model writes it without end. No
# \u escapes: llguidance does not see that such a key is the same as one of `properties`. Control
# characters that have no shorter escape cannot be written then.
_JSON_OPTIONS: JsonCompileOptions = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    "json_allowed_escapes": 'nrbtf\\"',
}
_KEPT = 16
_KEPT_CHARS = 32_768
_KEPT_TRIGGERS = 4


class Constraints:
    """Compiles constraints; used by one thread, while others use the matchers.

    The vocabulary is read when the first constraint comes. Compiled grammars are kept for requests
    that ask for the same again.
    """

    def __init__(self, read: Callable[[], Vocabulary]) -> None:
        self._read = read
        self._vocabulary: Vocabulary | None = None
        self._compiled: OrderedDict[str, LLMatcher] = OrderedDict()
        self._joiners: OrderedDict[bytes, dict[int, list[int]]] = OrderedDict()

    @classmethod
    def of(cls, vocab: Vocab) -> Constraints:
        """For a model's vocabulary, which must stay open."""
        return cls(lambda: read_vocabulary(vocab))

    def matcher(self, constraint: Constraint, *, after: str = "", param: str = "") -> Matcher:
        """For one answer. With `after`, the constraint begins once that text has been written;
        until then the answer is free, but may not end. `param` names the field of the request that
        errors are about.

        Raises InvalidRequest when the constraint is malformed, too large, or nothing meets it, and
        UnsupportedParameter when the model cannot be constrained.
        """
        try:
            grammar = grammar_of(constraint)
            vocabulary = self._vocabulary = self._vocabulary or self._read()
            matcher = GrammarMatcher(vocabulary, self._compile(vocabulary, grammar))
        except Refusal as error:
            raise refused(constraint, str(error), param) from error
        if not after:
            return matcher
        trigger = after.encode()
        return DelayedMatcher(vocabulary, matcher, trigger, self._joiners_of(vocabulary, trigger))

    def _compile(self, vocabulary: Vocabulary, grammar: str) -> LLMatcher:
        compiled = self._compiled.pop(grammar, None)
        if compiled is None:
            compiled = compile_grammar(vocabulary.tokenizer, grammar)
        if len(grammar) <= _KEPT_CHARS:
            self._compiled[grammar] = compiled
            if len(self._compiled) > _KEPT:
                self._compiled.popitem(last=False)
        return compiled.deep_copy()

    def _joiners_of(self, vocabulary: Vocabulary, trigger: bytes) -> dict[int, list[int]]:
        found = self._joiners.pop(trigger, None)
        if found is None:
            found = find_joiners(vocabulary, trigger)
        self._joiners[trigger] = found
        if len(self._joiners) > _KEPT_TRIGGERS:
            self._joiners.popitem(last=False)
        return found


def grammar_of(constraint: Constraint) -> str:
    """llguidance's grammar for a constraint. Raises Refusal."""
    from llguidance import LLMatcher

    match constraint:
        case JsonObject():
            return _json_grammar('{"type": "object"}')
        case JsonSchema(schema=schema):
            return _json_grammar(checked_schema(schema))
        case Regex(pattern=pattern):
            check_regex(pattern)
            return LLMatcher.grammar_from_regex(pattern)
        case Lark(grammar=grammar):
            check_lark(grammar)
            return LLMatcher.grammar_from_lark(grammar)
        case Gbnf(grammar=grammar):
            return LLMatcher.grammar_from_lark(gbnf_to_lark(grammar))
        case Choices(choices=choices):
            return LLMatcher.grammar_from_lark(choices_to_lark(choices))


def json_expression(schema: object, *, param: str) -> str:
    """The part of a Lark grammar that stands for JSON of this schema, which is checked and written
    like a constraint of its own. Raises InvalidRequest about `param`."""
    try:
        checked = json.loads(checked_schema(schema))
    except Refusal as error:
        raise refused(JsonSchema(schema=schema), str(error), param) from error
    return f"%json {json.dumps(checked | {'x-guidance': _JSON_OPTIONS})}"


def _json_grammar(schema: str) -> str:
    from llguidance import LLMatcher

    return LLMatcher.grammar_from_json_schema(schema, overrides=_JSON_OPTIONS)
