"""Drawing from the starter model's logits: what was how likely, within a constraint, to the end."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fakes.engine_process import Answer, EngineProcess
from hob.engine.llama import LlamaRuntime
from hob.engine.native.adapter import Adapters
from hob.engine.native.context import Context, ContextParams
from hob.engine.native.model import Model
from hob.engine.native.sampler import SamplerChain
from hob.engine.runtime import Chunk, Matcher
from hob.wire.engine import LoadOptions
from hob.wire.generate import ChatMessage, GenerateRequest, TokenLogprob
from hob.wire.sampling import Sampling
from live_daemon import starter_model

PROMPT = "The capital of France is"
GREEDY = Sampling(temperature=0)


@pytest.fixture(scope="module")
def native() -> Iterator[tuple[Model, Context]]:
    params = ContextParams(
        length=256, slots=2, places=1, batch=64, threads=2, flash_attention="auto", kv_type="f16"
    )
    with (
        Model.load(
            starter_model(), gpu_layers=0, mmap=True, mlock=False, progress=lambda _: None
        ) as model,
        Context(model, params) as context,
    ):
        yield model, context


class Desk:
    """The logits after the prompt, fresh for each test."""

    def __init__(self, model: Model, context: Context) -> None:
        self._context = context
        self.vocab = model.vocab
        self.runtime = LlamaRuntime(model, context, Adapters(model, context))
        self.prompt = self.vocab.tokenize(PROMPT, add_special=True, parse_special=False)
        self.runtime.keep(0, 0)
        chunk = Chunk(0, 0, self.prompt, outputs=len(self.prompt))
        self.first = context.decode((chunk,))[0]
        self.index = self.first + len(self.prompt) - 1
        self.raw = self.logits(self.index).astype(np.float64)

    def logits(self, index: int) -> NDArray[np.float32]:
        address = self._context.logits_address(index)
        row = (ctypes.c_float * self.vocab.size).from_address(address)
        return np.ctypeslib.as_array(row)

    def sampler(
        self,
        sampling: Sampling,
        *,
        logprobs: int | None = None,
        matcher: Matcher | None = None,
        prompt: Sequence[int] | None = None,
    ) -> SamplerChain:
        request = GenerateRequest(id="a", prompt=PROMPT, sampling=sampling, logprobs=logprobs)
        tokens = self.prompt if prompt is None else prompt
        return self.runtime.sampler(request, tokens, matcher)


@pytest.fixture
def desk(native: tuple[Model, Context]) -> Desk:
    return Desk(*native)


class OnlyThese:
    """A matcher that allows the same tokens every time, and remembers its calls."""

    def __init__(self, size: int, allowed: Sequence[int]) -> None:
        self._size = size
        self._allowed = list(allowed)
        self.accepted: list[int] = []

    def mask(self, logits: int) -> None:
        row = np.ctypeslib.as_array((ctypes.c_float * self._size).from_address(logits))
        kept = row[self._allowed]
        row[:] = -np.inf
        row[self._allowed] = kept

    def accept(self, token: int) -> None:
        self.accepted.append(token)

    def forced(self) -> Sequence[int]:
        return self._allowed if len(self._allowed) == 1 else ()


def log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = logits - logits.max()
    return np.asarray(shifted - np.log(np.exp(shifted).sum()))


def close(value: float) -> Any:
    return pytest.approx(value, abs=1e-4)


# Probabilities


def test_without_logprobs_none_are_computed(desk: Desk) -> None:
    with desk.sampler(GREEDY) as sampler:
        draw = sampler.sample(desk.index)
    assert draw.token == int(desk.raw.argmax())
    assert draw.logprob is None


def test_logprobs_are_the_models_own_and_sorted(desk: Desk) -> None:
    known = log_softmax(desk.raw)
    with desk.sampler(GREEDY, logprobs=20) as sampler:
        draw = sampler.sample(desk.index)
    assert draw.logprob
    assert draw.logprob.token == draw.token == draw.logprob.top[0].token
    assert draw.logprob.piece == desk.vocab.piece(draw.token)
    assert draw.logprob.logprob == draw.logprob.top[0].logprob == close(known.max())
    assert [top.logprob for top in draw.logprob.top] == close(np.sort(known)[::-1][:20].tolist())
    for top in draw.logprob.top:
        assert top.logprob == close(known[top.token])
        assert top.piece == desk.vocab.piece(top.token, special=True)


def test_logprobs_0_gives_the_token_alone(desk: Desk) -> None:
    with desk.sampler(GREEDY, logprobs=0) as sampler:
        draw = sampler.sample(desk.index)
    assert draw.logprob
    assert draw.logprob.top == ()
    assert draw.logprob.logprob == close(log_softmax(desk.raw).max())


def test_all_probabilities_together_are_one(desk: Desk) -> None:
    every = desk.runtime.logprob(desk.index, 0, desk.vocab.size)
    assert len(every.top) == desk.vocab.size
    assert math.fsum(math.exp(top.logprob) for top in every.top) == pytest.approx(1, abs=1e-5)
    logprobs = [top.logprob for top in every.top]
    assert logprobs == sorted(logprobs, reverse=True)


def test_samplers_and_biases_leave_the_logprobs_alone(desk: Desk) -> None:
    unlikely = int(desk.raw.argmin())
    sampling = Sampling(
        logit_bias={unlikely: 1000.0}, temperature=5.0, top_k=3, repeat_penalty=2.0, seed=1
    )
    with desk.sampler(sampling, logprobs=1) as sampler:
        draw = sampler.sample(desk.index)
    known = log_softmax(desk.raw)
    assert draw.token == unlikely
    assert draw.logprob
    assert draw.logprob.logprob == close(known[unlikely])
    assert draw.logprob.top[0].token == int(known.argmax())


def test_special_tokens_are_written_out(desk: Desk) -> None:
    assert desk.vocab.eos is not None
    text = desk.vocab.text(desk.vocab.eos).encode()
    assert text
    assert desk.runtime.logprob(desk.index, desk.vocab.eos, 0).piece == text


def test_a_prompts_own_tokens_can_be_scored(desk: Desk) -> None:
    for n, token in enumerate(desk.prompt[1:]):
        known = log_softmax(desk.logits(desk.first + n).astype(np.float64))
        scored = desk.runtime.logprob(desk.first + n, token, 3)
        assert scored.token == token
        assert scored.logprob == close(known[token])
        assert [top.logprob for top in scored.top] == close(np.sort(known)[::-1][:3].tolist())


# Constraints


def test_only_what_the_matcher_allows_is_drawn_and_it_is_told(desk: Desk) -> None:
    allowed = [int(token) for token in np.argsort(desk.raw)[:3]]
    matcher = OnlyThese(desk.vocab.size, allowed)
    with desk.sampler(Sampling(seed=1, temperature=50.0), matcher=matcher) as sampler:
        drawn = [sampler.sample(desk.index).token for _ in range(30)]
    assert set(drawn) == set(allowed)
    assert matcher.accepted == drawn


def test_a_greedy_draw_takes_the_likeliest_of_what_is_allowed(desk: Desk) -> None:
    order = np.argsort(desk.raw)
    matcher = OnlyThese(desk.vocab.size, [int(order[5]), int(order[900]), int(order[40])])
    with desk.sampler(GREEDY, matcher=matcher) as sampler:
        assert sampler.sample(desk.index).token == int(order[900])


def test_a_constraint_leaves_the_logprobs_alone(desk: Desk) -> None:
    known, least = log_softmax(desk.raw), int(desk.raw.argmin())
    matcher = OnlyThese(desk.vocab.size, [least])
    with desk.sampler(GREEDY, logprobs=2, matcher=matcher) as sampler:
        draw = sampler.sample(desk.index)
    assert draw.token == least
    assert draw.logprob
    assert draw.logprob.logprob == close(known[least])
    assert [top.logprob for top in draw.logprob.top] == close(np.sort(known)[::-1][:2].tolist())


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(xtc_probability=1.0, xtc_threshold=0.0),
        Sampling(typical_p=0.01),
        Sampling(mirostat=1),
        Sampling(mirostat=2),
        Sampling(top_n_sigma=0.01),
        Sampling(dynatemp_range=0.8, dynatemp_exponent=100),
        Sampling(temperature=1e-40),
        Sampling(samplers=()),
    ],
)
def test_no_sampler_leads_out_of_the_constraint(desk: Desk, sampling: Sampling) -> None:
    allowed = [int(desk.raw.argmin()), int(desk.raw.argmax())]
    matcher = OnlyThese(desk.vocab.size, allowed)
    with desk.sampler(sampling, matcher=matcher) as sampler:
        drawn = {sampler.sample(desk.index).token for _ in range(10)}
    assert drawn <= set(allowed)


def test_a_ban_on_all_that_is_allowed_does_not_lead_out_of_the_constraint(desk: Desk) -> None:
    sampling = Sampling(logit_bias={7: -math.inf, 8: -math.inf}, seed=1)
    matcher = OnlyThese(desk.vocab.size, [7, 8])
    with desk.sampler(sampling, matcher=matcher) as sampler:
        assert sampler.sample(desk.index).token in (7, 8)


def test_dry_without_measure_does_not_lead_out_of_the_constraint(desk: Desk) -> None:
    sampling = Sampling(dry_multiplier=100.0, dry_base=100.0, temperature=0, samplers=("dry",))
    matcher = OnlyThese(desk.vocab.size, [7])
    with desk.sampler(sampling, matcher=matcher, prompt=[7] * 200) as sampler:
        assert [sampler.sample(desk.index).token for _ in range(3)] == [7, 7, 7]
    assert matcher.accepted == [7, 7, 7]


def test_a_token_that_came_without_being_drawn_counts_for_all(desk: Desk) -> None:
    best = int(desk.raw.argmax())
    matcher = OnlyThese(desk.vocab.size, range(desk.vocab.size))
    sampling = Sampling(temperature=0, presence_penalty=2.0, repeat_penalty=100.0)
    with desk.sampler(sampling, matcher=matcher, prompt=()) as sampler:
        sampler.accept(best)
        assert matcher.accepted == [best]
        assert sampler.sample(desk.index).token != best


def test_forced_tokens_are_the_matchers(desk: Desk) -> None:
    with desk.sampler(GREEDY, matcher=OnlyThese(desk.vocab.size, [9])) as sampler:
        assert list(sampler.forced()) == [9]
    with desk.sampler(GREEDY) as sampler:
        assert list(sampler.forced()) == []


def test_the_prompts_end_counts_for_penalties(desk: Desk) -> None:
    best = int(desk.raw.argmax())
    sampling = Sampling(temperature=0, repeat_penalty=100.0, repeat_last_n=3)
    with desk.sampler(sampling, prompt=[best, 1, 2]) as sampler:
        assert sampler.sample(desk.index).token != best
    with desk.sampler(sampling, prompt=[best, 1, 2, 3]) as sampler:
        assert sampler.sample(desk.index).token == best


def test_placeholders_of_media_in_the_prompt_are_no_tokens(desk: Desk) -> None:
    sampling = Sampling(temperature=0, repeat_penalty=1.1, dry_multiplier=1.0)
    with desk.sampler(sampling, prompt=[1, -1, -7, 2]) as sampler:
        assert 0 <= sampler.sample(desk.index).token < desk.vocab.size


def test_every_token_that_ends_an_answer_is_known(desk: Desk) -> None:
    assert desk.vocab.eos in desk.vocab.end_tokens
    assert all(desk.vocab.is_end(token) for token in desk.vocab.end_tokens)


# A worker


@pytest.fixture(scope="module")
def worker() -> Iterator[EngineProcess]:
    with EngineProcess() as process:
        process.load(starter_model(), LoadOptions(context_length=1024))
        yield process


Ask = Callable[..., Answer]


@pytest.fixture
def ask(worker: EngineProcess) -> Ask:
    count = iter(range(1_000_000))

    def run(logprobs: int | None = None, max_tokens: int = 24, **values: Any) -> Answer:
        return worker.answer(
            GenerateRequest(
                id=f"{id(count)} {next(count)}",
                messages=(ChatMessage(role="user", content="Say hi."),),
                sampling=Sampling(**values),
                max_tokens=max_tokens,
                logprobs=logprobs,
            )
        )

    return run


def scores(answer: Answer) -> list[TokenLogprob]:
    return [score for delta in answer.deltas for score in delta.logprobs]


def test_a_seed_repeats_the_answer(ask: Ask) -> None:
    one, same, other = (ask(seed=seed, temperature=1.5).text for seed in (5, 5, 6))
    assert one == same != other


def test_ignore_eos_goes_on_to_the_limit(ask: Ask) -> None:
    ended = ask(temperature=0, max_tokens=150).finished
    assert ended.reason == "stop"
    tokens = ended.usage.completion_tokens + 10
    assert tokens < 150
    endless = ask(temperature=0, max_tokens=tokens, ignore_eos=True).finished
    assert (endless.reason, endless.usage.completion_tokens) == ("length", tokens)


def test_an_answer_comes_with_a_logprob_for_each_token(ask: Ask) -> None:
    answer = ask(logprobs=2, temperature=0, ignore_eos=True)
    found = scores(answer)
    assert len(found) == answer.finished.usage.completion_tokens
    assert b"".join(score.piece for score in found).decode() == answer.text
    for score in found:
        assert score.token == score.top[0].token
        assert score.logprob == score.top[0].logprob
        assert len(score.top) == 2
    assert not scores(ask(temperature=0))
