"""From the text of a grammar to a matcher of llguidance's, within bounds.

llguidance bounds its own work in items and fuel, but recurses as deep as rules refer to each other,
and a stack that overflows takes the process down. So it runs on a thread whose stack is larger than
what any grammar within our bounds can use: some 6 KB for each rule or subschema in a chain.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from hob.engine.grammar.refusal import Refusal

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLParserLimits, LLTokenizer

_STACK_BYTES = 256 * 2**20
_stack_size_lock = threading.Lock()


def limits() -> LLParserLimits:
    """At most about 20 ms for building a lexer and 15 ms for a step, and 100 MB of lexer states."""
    from llguidance import LLParserLimits

    return LLParserLimits(
        max_items_in_row=2_000,
        initial_lexer_fuel=1_000_000,
        step_lexer_fuel=200_000,
        step_max_items=20_000,
        max_lexer_states=50_000,
        max_grammar_size=100_000,
        verbose_errors=False,
    )


def compile_grammar(tokenizer: LLTokenizer, grammar: str) -> LLMatcher:
    """A matcher whose first mask is known not to be empty. Raises Refusal."""
    done: list[LLMatcher | BaseException] = []

    def work() -> None:
        try:
            done.append(_compile(tokenizer, grammar))
        except BaseException as error:
            done.append(error)

    _run_on_a_large_stack(work)
    result = done[0]
    if isinstance(result, BaseException):
        raise result
    return result


def _compile(tokenizer: LLTokenizer, grammar: str) -> LLMatcher:
    from llguidance import LLMatcher

    matcher = LLMatcher(tokenizer, grammar, log_level=0, limits=limits())
    if matcher.is_error():
        raise Refusal(matcher.get_error())
    # Much is found out only on the way: that nothing can match, or that there are too many ways.
    if error := _first_step_error(matcher.deep_copy()):
        raise Refusal(f"no text can match it, or it is too complex ({error})")
    return matcher


def _first_step_error(matcher: LLMatcher) -> str:
    mask = matcher.compute_bitmask()
    tokens = matcher.compute_ff_tokens() or _any_token(mask)
    if tokens and not matcher.is_stopped():
        matcher.consume_tokens(tokens)
        matcher.compute_bitmask()
    return matcher.get_error()


def _any_token(mask: bytes) -> list[int]:
    for at, byte in enumerate(mask):
        if byte:
            return [at * 8 + (byte & -byte).bit_length() - 1]
    return []


def _run_on_a_large_stack(work: Callable[[], None]) -> None:
    with _stack_size_lock:
        before = threading.stack_size(_STACK_BYTES)
        try:
            thread = threading.Thread(target=work, name="grammar", daemon=True)
            thread.start()
        except RuntimeError as error:
            raise Refusal("there is not enough memory to compile it") from error
        finally:
            threading.stack_size(before)
    thread.join()
