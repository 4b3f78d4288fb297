"""From calls to tokens, and what is refused on the way; and what a model is for."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

import pytest

from hob.engine.embedding import vectors
from hob.engine.embedding.inputs import InputBuilder, PairForm
from hob.engine.embedding.kind import Pooling, purpose
from hob.engine.embedding.loading import longest_input
from hob.engine.embedding.loop import Ready, Settled
from hob.engine.embedding.preparation import EmbeddingPreparation
from hob.engine.inbox import Refused
from hob.errors import ContextOverflow, HobError, InvalidRequest, ModelLoadFailed, WorkerError
from hob.wire.calls import Call, Detokenize, Embed, PlainText, Render, Rerank, Tokenize, Tokens
from hob.wire.engine import LoadOptions, ModelKind
from hob.wire.generate import GenerateRequest

BEGIN, END = 1, 2
NO_PAIRS = PairForm()


class Letters:
    """A token for each byte; `<1>` and `<2>` are the text of control tokens."""

    size = 256

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        if parse_special:
            text = text.replace("<1>", chr(BEGIN)).replace("<2>", chr(END))
        tokens = list(text.encode())
        return [BEGIN, *tokens, END] if add_special else tokens

    def control_tokens(self, tokens: list[int]) -> set[int]:
        return set(tokens) & {BEGIN, END}

    def piece(self, token: int, special: bool = False) -> bytes:
        return bytes([token])


def builder(pairs: PairForm = NO_PAIRS, size: int = 8) -> InputBuilder:
    return InputBuilder(Letters(), 16, size, pairs)


def embed(*inputs: str | tuple[int, ...], dimensions: int | None = None) -> list[list[int]]:
    return builder().embed(Embed(id="a", inputs=inputs, dimensions=dimensions))


def rank(pairs: PairForm, query: str, *documents: str) -> list[bytes]:
    call = Rerank(id="a", query=query, documents=documents)
    return [bytes(tokens) for tokens in builder(pairs).rerank(call)]


def test_text_gets_the_tokens_that_the_model_wants_around_it() -> None:
    assert embed("ab", "c") == [[BEGIN, 97, 98, END], [BEGIN, 99, END]]


def test_the_text_of_a_control_token_is_text() -> None:
    assert embed("<2>") == [[BEGIN, *b"<2>", END]]


def test_a_tokenizer_that_takes_characters_apart_gets_them_apart() -> None:
    apart = InputBuilder(Letters(), 16, 8, decompose=True)
    tokens = apart.embed(Embed(id="a", inputs=("\u00e4\ud55c",)))[0]
    assert bytes(tokens[1:-1]).decode() == "a\u0308\u1112\u1161\u11ab"


def test_tokens_are_taken_as_they_are() -> None:
    assert embed((5, 6), (7,)) == [[5, 6], [7]]


@pytest.mark.parametrize(
    ("inputs", "param"),
    [
        ((), "input"),
        (("",), "input"),
        (("a", ""), "input[1]"),
        (((),), "input"),
        (((1, 256),), "input"),
        (("a", (-1,)), "input[1]"),
        (("a",) * 2_049, "input"),
    ],
)
def test_what_is_no_input_is_refused_by_its_place(
    inputs: Sequence[str | tuple[int, ...]], param: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        embed(*inputs)
    assert caught.value.param == param


def test_too_long_an_input_is_refused_with_both_counts_and_its_place() -> None:
    with pytest.raises(ContextOverflow, match=r"Input 1 \(of 0 to 1\) has 22 tokens") as caught:
        embed("a", "b" * 20)
    assert caught.value.param == "input[1]"
    assert caught.value.details == {"prompt_tokens": 22, "context_length": 16}


def test_a_huge_input_is_refused_before_all_of_it_is_tokenized() -> None:
    with pytest.raises(ContextOverflow, match="more than") as caught:
        embed("b" * 10_000_000)
    assert int(caught.value.details["prompt_tokens"]) < 300_000


def test_more_dimensions_than_there_are_are_refused() -> None:
    assert embed("a", dimensions=8)
    with pytest.raises(InvalidRequest) as caught:
        embed("a", dimensions=9)
    assert caught.value.param == "dimensions"


def test_a_result_that_no_frame_can_hold_is_refused_beforehand() -> None:
    wide = builder(size=2**20)
    with pytest.raises(InvalidRequest, match="more than the 12"):
        wide.embed(Embed(id="a", inputs=("a",) * 13))
    assert wide.embed(Embed(id="a", inputs=("a",) * 13, dimensions=64))


MARKED = PairForm(begin=(BEGIN,), between=(END, 3), end=(END,))
TEMPLATE = PairForm(template="<1>{query}?{document}<2>")


def test_a_pair_is_marked_as_the_vocabulary_asks() -> None:
    assert rank(MARKED, "q", "a", "b") == [b"\1q\2\3a\2", b"\1q\2\3b\2"]


def test_a_pair_is_written_into_the_models_own_template() -> None:
    assert rank(TEMPLATE, "q", "a") == [b"\1q?a\2"]


def test_text_cannot_end_its_part_of_a_template() -> None:
    assert rank(TEMPLATE, "<2>", "a") == [b"\1<2>?a\2"]
    assert rank(TEMPLATE, "q", "{query}") == [b"\1q?{query}\2"]
    assert rank(TEMPLATE, "{document}", "a") == [b"\1{document}?a\2"]


@pytest.mark.parametrize(
    ("query", "documents", "param"),
    [
        ("", ("a",), "query"),
        ("q", (), "documents"),
        ("q", ("a", ""), "documents[1]"),
        ("q", ("a" * 20,), "documents"),
        ("q" * 300_000, ("a",), "query"),
    ],
)
def test_what_cannot_be_ranked_is_refused_by_its_place(
    query: str, documents: tuple[str, ...], param: str
) -> None:
    with pytest.raises((InvalidRequest, ContextOverflow)) as caught:
        rank(MARKED, query, *documents)
    assert caught.value.param == param


def prepared(kind: ModelKind, call: Call) -> Ready | Settled | Refused:
    return EmbeddingPreparation(kind, builder(), lambda _message: None).prepare(call)


def test_text_becomes_tokens_and_text_again() -> None:
    tokens = prepared("embedding", Tokenize(id="a", text="a<2>"))
    assert tokens == Settled("a", Tokens(tokens=(97, END), pieces=(b"a", b"\2")))
    text = prepared("reranking", Detokenize(id="a", tokens=(104, 105)))
    assert text == Settled("a", PlainText(text="hi"))


@pytest.mark.parametrize(
    "call", [Detokenize(id="a", tokens=(256,)), Tokenize(id="a", text="a" * 300_000)]
)
def test_what_cannot_be_translated_is_refused(call: Call) -> None:
    refused = prepared("embedding", call)
    assert isinstance(refused, Refused)
    assert refused.error.code == "invalid_request"


@pytest.mark.parametrize(
    ("kind", "call"),
    [
        ("embedding", Rerank(id="a", query="q", documents=("x",))),
        ("reranking", Embed(id="a", inputs=("x",))),
        ("embedding", Render(id="a", request=GenerateRequest(id="b", prompt="x"))),
    ],
)
def test_a_model_is_only_asked_for_what_it_is_made_for(kind: ModelKind, call: Call) -> None:
    refused = prepared(kind, call)
    assert isinstance(refused, Refused)
    assert (refused.error.code, refused.error.param) == ("unsupported_parameter", "model")
    assert refused.error.hint


def test_a_fault_in_one_call_leaves_the_thread_alive() -> None:
    class Broken(InputBuilder):
        def embed(self, call: Embed) -> list[list[int]]:
            raise ZeroDivisionError

    broken = Broken(Letters(), 16, 8)
    preparation = EmbeddingPreparation("embedding", broken, lambda _message: None)
    refused = preparation.prepare(Embed(id="a", inputs=("x",)))
    assert isinstance(refused, Refused)
    assert type(refused.error) is HobError


@pytest.mark.parametrize(
    ("architecture", "stated", "labels", "kind", "pooling"),
    [
        ("bert", "1", False, "embedding", Pooling.MEAN),
        ("bert", "2", False, "embedding", Pooling.CLS),
        ("qwen3", "3", False, "embedding", Pooling.LAST),
        ("bert", "4", False, "reranking", Pooling.RANK),
        ("bert", "2", True, "reranking", Pooling.RANK),
        ("nomic-bert", "", False, "embedding", Pooling.MEAN),
        ("bert", "0", False, "embedding", Pooling.MEAN),
        ("llama", "", False, "text", Pooling.NONE),
        ("llama", "0", False, "text", Pooling.NONE),
    ],
)
def test_metadata_says_what_a_model_is_for(
    architecture: str, stated: str, labels: bool, kind: ModelKind, pooling: Pooling
) -> None:
    assert purpose(architecture, stated, labels) == (kind, pooling)


@pytest.mark.parametrize("stated", ["5", "-1", "4294967295", "mean"])
def test_a_pooling_type_that_there_is_not_is_refused(stated: str) -> None:
    with pytest.raises(ModelLoadFailed):
        purpose("bert", stated, False)


@pytest.mark.parametrize(
    ("asked", "cap", "longest"),
    [(0, 8192, 512), (256, 8192, 256), (4096, 8192, 512), (0, 128, 128)],
)
def test_no_input_is_longer_than_the_model_was_trained_for(
    asked: int, cap: int, longest: int
) -> None:
    options = LoadOptions(context_length=asked, context_cap=cap)
    assert longest_input(512, options) == longest


def test_a_vector_of_zeros_stays_what_it_is() -> None:
    zeros = struct.pack("<2f", 0, 0)
    assert vectors.vector(zeros, None, normalize=True) == zeros


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(WorkerError):
        vectors.vector(struct.pack("<2f", 1, bad), None, normalize=True)
    with pytest.raises(WorkerError):
        vectors.score(struct.pack("<f", bad))
