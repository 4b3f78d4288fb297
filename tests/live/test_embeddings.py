"""Vectors and scores from real engine workers and the real daemon, against other ways to compute
the same."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx2
import numpy as np
import openai
import pytest
from tokenizers import Tokenizer

from fakes.engine_process import EngineProcess
from fakes.tiny_gguf import write_tiny_gguf
from fixtures import reranker
from fixtures.bert import Floats, mean_vector, rank_score
from fixtures.minilm import checkpoint, embedding_model, package_beside, tokenizer_json
from fixtures.sentences import SENTENCES
from hob.wire.calls import (
    Call,
    Detokenize,
    Embed,
    Embedded,
    PlainText,
    Ranked,
    Rerank,
    Tokenize,
    Tokens,
)
from hob.wire.engine import Ask, Failed, Loaded, LoadFailed, LoadOptions, Returned, Stop
from hob.wire.generate import GenerateRequest
from live_daemon import LiveDaemon, starter_model

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def worker() -> Iterator[EngineProcess]:
    with EngineProcess() as process:
        assert isinstance(process.load(embedding_model()), Loaded)
        yield process


@pytest.fixture(scope="module")
def reference() -> dict[str, tuple[list[int], Floats]]:
    """Tokens and vector of each sentence, by other libraries than llama.cpp."""
    package = package_beside(embedding_model())
    tokenizer = Tokenizer.from_str(tokenizer_json(package))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    shape, weights = checkpoint(package)
    tokens = {sentence: tokenizer.encode(sentence).ids for sentence in SENTENCES}
    return {text: (ids, mean_vector(shape, weights, ids)) for text, ids in tokens.items()}


def outcome(process: EngineProcess, id: str) -> Returned | Failed:
    """Read up to the end of that call."""
    while not (isinstance(message := process.read(), (Returned, Failed)) and message.id == id):
        pass
    return message


def ask(process: EngineProcess, call: Call) -> Returned | Failed:
    process.send(Ask(call=call))
    return outcome(process, call.id)


def embed(
    process: EngineProcess,
    *inputs: str | tuple[int, ...],
    dimensions: int | None = None,
    normalize: bool = True,
) -> list[Floats]:
    call = Embed(id="e", inputs=inputs, dimensions=dimensions, normalize=normalize)
    answer = ask(process, call)
    assert isinstance(answer, Returned), answer
    assert isinstance(answer.result, Embedded)
    return [np.frombuffer(vector, "<f4") for vector in answer.result.vectors]


def cosine(one: Floats, other: Floats) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_the_load_says_what_the_model_is_for() -> None:
    with EngineProcess() as process:
        loaded = process.load(embedding_model())
        assert isinstance(loaded, Loaded)
        info = loaded.info
        assert (info.kind, info.embedding_length, info.context_length) == ("embedding", 384, 512)
        assert (info.kv_bytes, info.template) == (0, "")


def test_text_is_cut_into_the_tokens_of_the_reference(
    worker: EngineProcess, reference: dict[str, tuple[list[int], Floats]]
) -> None:
    for sentence, (ids, _vector) in reference.items():
        answer = ask(worker, Tokenize(id="t", text=sentence, add_special=True, parse_special=False))
        assert isinstance(answer, Returned)
        assert isinstance(answer.result, Tokens)
        assert list(answer.result.tokens) == ids, sentence


def test_vectors_are_those_of_the_reference(
    worker: EngineProcess, reference: dict[str, tuple[list[int], Floats]]
) -> None:
    assert len(SENTENCES) >= 50
    vectors = embed(worker, *SENTENCES)
    likeness = {s: cosine(v, reference[s][1]) for s, v in zip(SENTENCES, vectors, strict=True)}
    assert {s: c for s, c in likeness.items() if c < 0.999} == {}


def test_vectors_computed_together_are_those_computed_alone(worker: EngineProcess) -> None:
    sentences = SENTENCES[::3]
    together = embed(worker, *sentences)
    alone = [embed(worker, sentence)[0] for sentence in sentences]
    assert min(map(cosine, together, alone)) > 0.9999


def test_vectors_have_length_one_unless_asked_otherwise(worker: EngineProcess) -> None:
    (unit,) = embed(worker, "Hello")
    assert float(np.linalg.norm(unit)) == pytest.approx(1, abs=1e-5)
    (raw,) = embed(worker, "Hello", normalize=False)
    assert float(np.linalg.norm(raw)) != pytest.approx(1, abs=1e-2)
    assert cosine(unit, raw) > 0.9999


def test_dimensions_cut_and_normalize_again(worker: EngineProcess) -> None:
    (whole,), (cut,) = embed(worker, "Hello"), embed(worker, "Hello", dimensions=64)
    assert len(cut) == 64
    assert float(np.linalg.norm(cut)) == pytest.approx(1, abs=1e-5)
    assert cosine(whole[:64], cut) > 0.9999


def test_tokens_give_the_vector_of_their_text(
    worker: EngineProcess, reference: dict[str, tuple[list[int], Floats]]
) -> None:
    by_text = embed(worker, SENTENCES[0])[0]
    by_tokens = embed(worker, tuple(reference[SENTENCES[0]][0]))[0]
    assert cosine(by_text, by_tokens) > 0.9999


def test_an_input_as_long_as_the_model_reads_is_embedded_and_one_more_token_is_refused(
    worker: EngineProcess,
) -> None:
    assert len(embed(worker, (7592,) * 512)) == 1
    failed = ask(worker, Embed(id="long", inputs=("short", (7592,) * 513)))
    assert isinstance(failed, Failed)
    assert failed.error.code == "context_length_exceeded"
    assert failed.error.param == "input[1]"
    assert failed.error.details == {"prompt_tokens": 513, "context_length": 512}


def test_many_calls_at_once_are_all_answered(worker: EngineProcess) -> None:
    calls = {f"m{n}": SENTENCES[n : n + 5] for n in range(20)}
    for id, inputs in calls.items():
        worker.send(Ask(call=Embed(id=id, inputs=inputs)))
    left = set(calls)
    while left:
        message = worker.read()
        if isinstance(message, Returned):
            assert isinstance(message.result, Embedded)
            assert len(message.result.vectors) == 5
            left.remove(message.id)


def test_a_short_call_is_answered_before_a_long_one_that_came_first(worker: EngineProcess) -> None:
    worker.send(Ask(call=Embed(id="long", inputs=SENTENCES * 4)))
    worker.send(Ask(call=Embed(id="short", inputs=("Hello",))))
    order: list[str] = []
    while len(order) < 2:
        if isinstance(message := worker.read(), Returned):
            order.append(message.id)
    assert order == ["short", "long"]


def test_a_call_is_cancelled_and_the_next_one_is_answered(worker: EngineProcess) -> None:
    worker.send(Ask(call=Embed(id="gone", inputs=SENTENCES * 4)))
    worker.cancel("gone")
    answer = outcome(worker, "gone")
    assert isinstance(answer, Failed)
    assert answer.error.code == "cancelled"
    assert len(embed(worker, "Hello")) == 1


def test_the_text_of_tokens_comes_back(worker: EngineProcess) -> None:
    answer = ask(worker, Detokenize(id="d", tokens=(7592, 2088)))
    assert isinstance(answer, Returned)
    assert isinstance(answer.result, PlainText)
    assert answer.result.text.split() == ["hello", "world"]


def test_an_embedding_model_that_is_asked_to_write_says_what_to_do(worker: EngineProcess) -> None:
    failed = worker.answer(GenerateRequest(id="g", prompt="Once upon a time")).failed
    assert failed.error.code == "unsupported_parameter"
    assert "hob models" in failed.error.hint
    again = ask(worker, Rerank(id="r", query="q", documents=("d",)))
    assert isinstance(again, Failed)
    assert again.error.code == "unsupported_parameter"


def test_a_text_model_that_is_asked_for_vectors_says_what_to_do() -> None:
    with EngineProcess() as process:
        process.load(starter_model())
        for call in (Embed(id="e", inputs=("a",)), Rerank(id="r", query="q", documents=("d",))):
            failed = ask(process, call)
            assert isinstance(failed, Failed)
            assert failed.error.code == "unsupported_parameter"
            assert failed.error.hint
        assert process.answer(GenerateRequest(id="g", prompt="Hi", max_tokens=1)).text


def test_stop_lets_a_call_in_flight_end_and_leaves_cleanly() -> None:
    with EngineProcess() as process:
        process.load(embedding_model())
        process.send(Ask(call=Embed(id="last", inputs=SENTENCES)))
        process.send(Stop())
        assert isinstance(outcome(process, "last"), Returned)
        assert process.process.wait(timeout=30) == 0


DOCUMENTS = ("a cat is a animal", "the sky is blue", "dog", "what what what what red red")
QUERY = "what is a cat"


def ranked(process: EngineProcess, query: str, documents: Sequence[str]) -> Ranked:
    answer = ask(process, Rerank(id="r", query=query, documents=tuple(documents)))
    assert isinstance(answer, Returned), answer
    assert isinstance(answer.result, Ranked)
    return answer.result


def test_scores_are_those_of_the_reference(tmp_path: Path) -> None:
    weights = reranker.write_reranker(tmp_path / "ranker.gguf")
    pairs = [reranker.pair_tokens(QUERY, document) for document in DOCUMENTS]
    expected = [rank_score(reranker.SHAPE, weights, pair) for pair in pairs]
    assert max(expected) - min(expected) > 0.1
    with EngineProcess() as process:
        loaded = process.load(tmp_path / "ranker.gguf")
        assert isinstance(loaded, Loaded)
        assert (loaded.info.kind, loaded.info.embedding_length) == ("reranking", 0)
        together = ranked(process, QUERY, DOCUMENTS)
        assert together.scores == pytest.approx(expected, abs=0.02)
        assert together.tokens == tuple(map(len, pairs))
        alone = [ranked(process, QUERY, [document]).scores[0] for document in DOCUMENTS]
        assert alone == pytest.approx(together.scores, abs=1e-3)
        failed = ask(process, Rerank(id="long", query="a", documents=("cat", "cat " * 80)))
        assert isinstance(failed, Failed)
        assert failed.error.param == "documents[1]"


@pytest.mark.parametrize("pooling", [1, 3])
def test_a_decoder_makes_vectors_the_same_in_small_and_large_steps(
    tmp_path: Path, pooling: int
) -> None:
    """Its KV cache is empty again for each step; by the last token, a long input goes in parts."""
    path = write_tiny_gguf(tmp_path / "decoder.gguf", {"llama.pooling_type": pooling})
    texts = ("The first text, which is a bit longer than a step.", "Short", "Another one")
    vectors = []
    for batch in (16, 256):
        with EngineProcess() as process:
            assert isinstance(process.load(path, LoadOptions(batch_tokens=batch)), Loaded)
            vectors.append([*embed(process, *texts), *embed(process, texts[1])])
    assert min(map(cosine, *vectors)) > 0.9999
    assert cosine(vectors[0][1], vectors[0][3]) > 0.9999
    assert cosine(vectors[0][0], vectors[0][1]) < 0.999


def test_a_pooling_type_that_there_is_not_is_refused_at_the_load(tmp_path: Path) -> None:
    path = write_tiny_gguf(tmp_path / "odd.gguf", {"llama.pooling_type": 9})
    with EngineProcess() as process:
        failed = process.load(path)
        assert isinstance(failed, LoadFailed)
        assert "pooling type 9" in failed.error.message


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDaemon]:
    """A daemon with a chat model, an embedding model and a reranker."""
    ranker = tmp_path_factory.mktemp("models") / "tiny-reranker.gguf"
    reranker.write_reranker(ranker)
    home = tmp_path_factory.mktemp("hob")
    with LiveDaemon(home, models=[starter_model(), embedding_model(), ranker]) as daemon:
        yield daemon


def test_the_sdk_gets_the_same_vectors_in_either_form(daemon: LiveDaemon) -> None:
    sdk = daemon.openai()
    texts = list(SENTENCES[:8])
    packed = sdk.embeddings.create(model="MiniLM", input=texts)
    plain = sdk.embeddings.create(model="MiniLM", input=texts, encoding_format="float")
    for one, other in zip(packed.data, plain.data, strict=True):
        assert cosine(np.array(one.embedding), np.array(other.embedding)) > 0.9999
    assert [item.index for item in packed.data] == list(range(8))
    assert len(plain.data[0].embedding) == 384
    assert packed.usage.prompt_tokens == plain.usage.prompt_tokens > 8


def test_like_texts_have_like_vectors(daemon: LiveDaemon) -> None:
    texts = ["How do I cook an egg?", "Ways to boil eggs", "The stock market fell on Monday"]
    reply = daemon.openai().embeddings.create(model="MiniLM", input=texts)
    question, answer, other = (np.array(item.embedding) for item in reply.data)
    assert cosine(question, answer) > 0.6
    assert cosine(question, other) < 0.3


def test_the_only_embedding_model_is_taken_while_a_chat_model_is_chosen(
    daemon: LiveDaemon,
) -> None:
    reply = daemon.openai().embeddings.create(model="default", input="Hello", dimensions=32)
    assert reply.model == "all-minilm-l6-v2:f16"
    assert len(reply.data[0].embedding) == 32


def test_the_sdk_is_told_which_input_is_too_long(daemon: LiveDaemon) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        daemon.openai().embeddings.create(model="MiniLM", input=["short", "word " * 600])
    assert caught.value.code == "context_length_exceeded"
    assert caught.value.param == "input[1]"


def test_a_chat_with_an_embedding_model_is_refused_with_what_to_do(daemon: LiveDaemon) -> None:
    with pytest.raises(openai.BadRequestError, match="cannot write text"):
        daemon.openai().chat.completions.create(
            model="MiniLM", messages=[{"role": "user", "content": "Hi"}]
        )


def test_documents_are_ranked_by_the_only_reranker(daemon: LiveDaemon) -> None:
    transport = httpx2.HTTPTransport(uds=str(daemon.paths.socket))
    with httpx2.Client(transport=transport, timeout=60) as client:
        body = {"query": QUERY, "documents": list(DOCUMENTS), "return_documents": True}
        reply = client.post("http://hob/v1/rerank", json=body).json()
    scores = [result["relevance_score"] for result in reply["results"]]
    assert scores == sorted(scores, reverse=True)
    assert {r["index"]: r["document"]["text"] for r in reply["results"]} == dict(
        enumerate(DOCUMENTS)
    )
    assert reply["model"] == "tiny-reranker:f16"


def test_vectors_come_as_bytes_that_any_program_can_read(daemon: LiveDaemon) -> None:
    transport = httpx2.HTTPTransport(uds=str(daemon.paths.socket))
    with httpx2.Client(transport=transport, timeout=60) as client:
        body = {"model": "MiniLM", "input": "Hello", "encoding_format": "base64"}
        reply = client.post("http://hob/v1/embeddings", json=body).json()
    vector = np.frombuffer(base64.b64decode(reply["data"][0]["embedding"]), "<f4")
    assert float(np.linalg.norm(vector)) == pytest.approx(1, abs=1e-5)
