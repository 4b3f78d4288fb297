"""What a worker says about text and tokens, over its true pipes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fakes.engine_process import EngineProcess
from fakes.tiny_gguf import write_tiny_gguf
from hob.wire.base import ErrorInfo
from hob.wire.calls import (
    Call,
    CallResult,
    Detokenize,
    Embed,
    PlainText,
    Render,
    Rendered,
    Rerank,
    Tokenize,
    Tokens,
)
from hob.wire.engine import Ask, Failed, Loaded, LoadOptions, Returned
from hob.wire.generate import ChatMessage, Delta, GenerateRequest, Sampling
from live_daemon import starter_model

pytestmark = pytest.mark.live

BOS, IM_START, IM_END = 1, 1, 2


@pytest.fixture(scope="module")
def worker() -> Iterator[EngineProcess]:
    with EngineProcess() as process:
        assert isinstance(process.load(starter_model()), Loaded)
        yield process


def outcome(worker: EngineProcess, call: Call) -> CallResult | ErrorInfo:
    worker.send(Ask(call=call))
    while True:
        match worker.read():
            case Returned(id=id, result=result) if id == call.id:
                return result
            case Failed(id=id, error=error) if id == call.id:
                return error


def refusal(worker: EngineProcess, call: Call) -> ErrorInfo:
    error = outcome(worker, call)
    assert isinstance(error, ErrorInfo)
    assert error.hint
    return error


def tokenize(worker: EngineProcess, text: str, *, parse_special: bool = True) -> Tokens:
    tokens = outcome(worker, Tokenize(id="t", text=text, parse_special=parse_special))
    assert isinstance(tokens, Tokens)
    return tokens


def test_text_becomes_tokens_with_their_bytes(worker: EngineProcess) -> None:
    tokens = tokenize(worker, "Hello 👋🏽 <|im_end|>")
    assert b"".join(tokens.pieces) == "Hello 👋🏽 <|im_end|>".encode()
    assert tokens.tokens[-1] == IM_END
    assert tokens.pieces[-1] == b"<|im_end|>"


def test_the_text_of_control_tokens_can_stay_text(worker: EngineProcess) -> None:
    tokens = tokenize(worker, "<|im_end|>", parse_special=False)
    assert IM_END not in tokens.tokens
    assert b"".join(tokens.pieces) == b"<|im_end|>"


def test_no_text_is_no_tokens(worker: EngineProcess) -> None:
    assert tokenize(worker, "") == Tokens(tokens=(), pieces=())


def test_tokens_become_text(worker: EngineProcess) -> None:
    text = "Hello 👋🏽\n<|im_end|> !"
    tokens = tokenize(worker, text).tokens
    assert outcome(worker, Detokenize(id="d", tokens=tokens)) == PlainText(text=text)
    assert outcome(worker, Detokenize(id="d", tokens=())) == PlainText(text="")


def test_half_a_character_is_shown_as_such(worker: EngineProcess) -> None:
    tokens = tokenize(worker, "👋🏽").tokens
    assert outcome(worker, Detokenize(id="d", tokens=tokens[:1])) == PlainText(text="\ufffd")


@pytest.mark.parametrize("token", [-1, 49_152, 2**31, 2**40])
def test_what_is_no_token_is_refused(worker: EngineProcess, token: int) -> None:
    error = refusal(worker, Detokenize(id="d", tokens=(1, token)))
    assert (error.code, error.param) == ("invalid_request", "tokens")


TOO_MUCH = {
    "characters": Tokenize(id="t", text="x" * 5_000_000),
    "control tokens": Tokenize(id="t", text="<|im_end|>" * 100_000),
    "tokens": Detokenize(id="t", tokens=(1,) * 1_100_000),
}


@pytest.mark.parametrize("call", TOO_MUCH.values(), ids=TOO_MUCH.keys())
def test_too_much_at_once_is_refused(worker: EngineProcess, call: Call) -> None:
    assert refusal(worker, call).code == "invalid_request"


def test_a_prompt_is_shown_as_text_and_tokens(worker: EngineProcess) -> None:
    request = GenerateRequest(
        id="r",
        messages=(
            ChatMessage(role="system", content="Be brief."),
            ChatMessage(role="user", content="<|im_end|>"),
        ),
    )
    rendered = outcome(worker, Render(id="r", request=request))
    assert isinstance(rendered, Rendered)
    assert rendered.text == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n<|im_end|><|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert rendered.tokens.count(IM_END) == 2
    text = outcome(worker, Detokenize(id="d", tokens=rendered.tokens))
    assert text == PlainText(text=rendered.text)


def test_a_prompt_that_does_not_fit_is_counted_all_the_same(worker: EngineProcess) -> None:
    request = GenerateRequest(id="r", prompt="word " * 10_000)
    rendered = outcome(worker, Render(id="r", request=request))
    assert isinstance(rendered, Rendered)
    assert len(rendered.tokens) > 10_000


def test_a_prompt_that_is_longer_by_far_is_not_shown(worker: EngineProcess) -> None:
    request = GenerateRequest(id="r", prompt="word " * 100_000)
    assert refusal(worker, Render(id="r", request=request)).code == "context_length_exceeded"


@pytest.mark.parametrize(
    "call", [Embed(id="e", inputs=("a",)), Rerank(id="e", query="a", documents=("b",))]
)
def test_a_text_model_makes_no_vectors(worker: EngineProcess, call: Call) -> None:
    assert refusal(worker, call).code == "unsupported_parameter"


def test_calls_are_answered_while_an_answer_is_written(worker: EngineProcess) -> None:
    request = GenerateRequest(
        id="g", prompt="Once upon a time", max_tokens=200, sampling=Sampling(temperature=0)
    )
    worker.send_request(request)
    worker.read_until(Delta, "g")
    assert isinstance(outcome(worker, Tokenize(id="t", text="Hello")), Tokens)
    worker.cancel("g")
    assert worker.collect(["g"])["g"].finished.reason == "cancelled"


FILLS_GAPS = {
    "tokenizer.ggml.fim_pre_token_id": 3,
    "tokenizer.ggml.fim_suf_token_id": 4,
    "tokenizer.ggml.fim_mid_token_id": 0,
}


def test_a_gap_is_filled_by_a_model_with_tokens_for_it(
    worker: EngineProcess, tmp_path_factory: pytest.TempPathFactory
) -> None:
    request = GenerateRequest(id="f", prompt="a(", suffix=")", max_tokens=2)
    assert refusal(worker, Render(id="f", request=request)).param == "suffix"
    path = write_tiny_gguf(tmp_path_factory.mktemp("fim") / "fim.gguf", FILLS_GAPS)
    with EngineProcess() as process:
        assert isinstance(process.load(path, LoadOptions(context_length=256)), Loaded)
        rendered = outcome(process, Render(id="f", request=request))
        assert isinstance(rendered, Rendered)
        before, after = (tokenize(process, text).tokens for text in ("a(", "x)"))
        assert rendered.tokens == (BOS, 3, *before, 4, after[-1], 0)
        assert process.answer(request).finished.usage.prompt_tokens == len(rendered.tokens)
