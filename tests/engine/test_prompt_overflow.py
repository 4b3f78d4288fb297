"""What is left out of a prompt that does not fit: only what was allowed, as little as possible."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fakes.byte_vocab import BOS, ByteVocab
from hob.engine.job import Prompt
from hob.engine.prompts.overflow import GAP, first_that_fits, least_removal, without_middle
from hob.engine.prompts.prompt import PromptBuilder
from hob.engine.prompts.vocabulary import InfillTokens
from hob.errors import ContextOverflow
from hob.wire.chat import ChatMessage, Media, Role, ToolCall
from hob.wire.generate import GenerateRequest, Overflow

DEFAULT_ANSWER = 40


class Renderer:
    """A template that shows all of a message, and counts how often it is used."""

    def __init__(self) -> None:
        self.seen: list[tuple[ChatMessage, ...]] = []

    def __call__(self, messages: Sequence[ChatMessage], _request: GenerateRequest) -> str:
        self.seen.append(tuple(messages))
        return "".join(
            f"<|im_start|>{m.role}\n{''.join([m.content, *(c.arguments for c in m.tool_calls)])}"
            "<|im_end|>"
            for m in messages
        )


def build(request: GenerateRequest, context: int, vocab: ByteVocab | None = None) -> Prompt:
    return PromptBuilder(vocab or ByteVocab(), Renderer(), context, DEFAULT_ANSWER).build(request)


def kept(request: GenerateRequest, context: int) -> tuple[Prompt, tuple[ChatMessage, ...]]:
    """The prompt, and the messages that are in it."""
    renderer = Renderer()
    builder = PromptBuilder(ByteVocab(), renderer, context, DEFAULT_ANSWER)
    prompt = builder.build(request)
    for messages in renderer.seen:
        tokens = ByteVocab().tokenize(
            renderer(messages, request), add_special=False, parse_special=True
        )
        if tokens == prompt.tokens:
            return prompt, messages
    raise AssertionError("the prompt is no rendering of messages")


def kept_or_all(
    request: GenerateRequest, context: int
) -> tuple[Prompt | None, tuple[ChatMessage, ...]]:
    """None for a prompt that does not fit whatever is left out."""
    try:
        return kept(request, context)
    except ContextOverflow:
        return None, request.messages


def talk(overflow: Overflow, *messages: ChatMessage, answer: int = 10) -> GenerateRequest:
    return GenerateRequest(id="a", messages=messages, overflow=overflow, max_tokens=answer)


def say(role: Role, content: str, **more: object) -> ChatMessage:
    return ChatMessage(role=role, content=content, **more)  # type: ignore[arg-type]


SYSTEM = say("system", "Be brief.")
CALL = say("assistant", "", tool_calls=(ToolCall(name="f", arguments="{}", id="c1"),))
RESULT = say("tool", "r" * 50, tool_call_id="c1")


texts = st.text("ab ", max_size=60)


@st.composite
def turns(draw: st.DrawFn) -> list[ChatMessage]:
    """A user's message, calls with results, an answer."""
    messages = [say("user", draw(texts))]
    for number in range(draw(st.integers(0, 2))):
        id = draw(st.sampled_from(["", f"call {number}"]))
        call = ToolCall(name="f", arguments=draw(texts), id=id)
        messages.append(say("assistant", draw(texts), tool_calls=(call,)))
        messages.append(say("tool", draw(texts), tool_call_id=id))
    if draw(st.booleans()):
        messages.insert(draw(st.integers(0, len(messages))), say("system", draw(texts)))
    return [*messages, say("assistant", draw(texts))]


@st.composite
def conversations(draw: st.DrawFn) -> tuple[ChatMessage, ...]:
    """Turns, the last of which may not be over yet."""
    messages = [message for turn in draw(st.lists(turns(), max_size=5)) for message in turn]
    messages += draw(turns())[: draw(st.integers(1, 9))]
    if draw(st.booleans()):
        messages.insert(0, say("system", draw(texts)))
    if all(message.role == "system" for message in messages):
        messages.append(say("user", draw(texts)))
    return tuple(messages)


def length(messages: tuple[ChatMessage, ...]) -> int:
    return len(build(talk("error", *messages), 100_000).tokens)


def is_part(some: Sequence[object], whole: Sequence[object]) -> bool:
    """Are these all in the other, in the same order?"""
    rest = iter(whole)
    return all(item in rest for item in some)


def last_user(messages: Sequence[ChatMessage]) -> ChatMessage:
    return [message for message in messages if message.role == "user"][-1]


@given(conversations(), st.integers(2, 900), st.integers(1, 300))
def test_the_oldest_messages_go_until_it_fits(
    messages: tuple[ChatMessage, ...], context: int, answer: int
) -> None:
    prompt, left = kept_or_all(talk("drop_oldest", *messages, answer=answer), context)
    if prompt is None:
        assert length(messages) >= context
        return
    assert len(prompt.tokens) + prompt.max_new <= context
    assert is_part(left, messages)
    assert last_user(left) == last_user(messages)
    assert [m for m in left if m.role == "system"] == [m for m in messages if m.role == "system"]
    assert prompt.dropped_messages == len(messages) - len(left)
    assert prompt.dropped_tokens == length(messages) - len(prompt.tokens)
    if prompt.dropped_messages:
        assert next(m.role for m in left if m.role != "system") == "user"
        assert left[-1] == messages[-1]
        calls = [call.id for m in left for call in m.tool_calls]
        assert all(m.tool_call_id in calls for m in left if m.role == "tool")


@given(conversations(), st.integers(2, 900), st.integers(1, 300))
def test_the_middle_goes_until_it_fits(
    messages: tuple[ChatMessage, ...], context: int, answer: int
) -> None:
    prompt, left = kept_or_all(talk("middle_out", *messages, answer=answer), context)
    if prompt is None:
        assert length(messages) >= context
        return
    assert len(prompt.tokens) + prompt.max_new <= context
    assert is_part([m.role for m in left], [m.role for m in messages])
    assert [m for m in left if m.role == "system"] == [m for m in messages if m.role == "system"]
    assert prompt.dropped_messages == len(messages) - len(left)
    assert prompt.dropped_tokens == length(messages) - len(prompt.tokens)
    question = last_user(left).content
    assert question == last_user(messages).content or GAP in question


def test_without_a_policy_nothing_is_left_out() -> None:
    messages = (say("user", "a" * 90), say("assistant", "b"), say("user", "c"))
    with pytest.raises(ContextOverflow):
        build(talk("error", *messages), 60)


def test_what_fits_is_left_alone() -> None:
    messages = (SYSTEM, say("user", "a"), CALL, RESULT)
    for policy in ("drop_oldest", "middle_out"):
        prompt, left = kept(talk(policy, *messages), 500)
        assert (left, prompt.dropped_messages, prompt.dropped_tokens) == (messages, 0, 0)


def test_no_more_messages_go_than_must() -> None:
    messages = tuple(say("user", str(n) * 20) for n in range(10))
    one = length(messages[:1])
    prompt, left = kept(talk("drop_oldest", *messages), 5 * one + 10)
    assert left == messages[5:]
    assert (prompt.dropped_messages, prompt.dropped_tokens) == (5, 5 * one)


def test_room_for_the_answer_counts() -> None:
    messages = tuple(say("user", str(n) * 20) for n in range(10))
    context = length(messages) + 1
    assert len(kept(talk("drop_oldest", *messages, answer=1), context)[1]) == 10
    assert len(kept(talk("drop_oldest", *messages, answer=2), context)[1]) == 9


def test_a_prompt_that_leaves_little_room_is_taken_when_nothing_can_go() -> None:
    alone = say("user", "a" * 80)
    context = length((alone,)) + 1
    assert build(talk("drop_oldest", alone), context).max_new == 1


def test_a_long_task_loses_its_first_calls_with_their_results() -> None:
    calls = [replace(CALL, tool_calls=(ToolCall(name="f", arguments="", id=id),)) for id in "abc"]
    results = [replace(RESULT, tool_call_id=id) for id in "abc"]
    rounds = [message for pair in zip(calls, results, strict=True) for message in pair]
    question = say("user", "do it")
    messages = (say("user", "before"), say("assistant", "yes"), question, *rounds)
    room = length((question, *rounds[2:])) + 10
    assert kept(talk("drop_oldest", *messages), room)[1] == (question, *rounds[2:])


def test_a_result_that_comes_late_goes_with_its_call() -> None:
    messages = (say("user", "a" * 50), CALL, say("user", "b"), RESULT, say("user", "c"))
    room = length((messages[2], messages[4])) + 10
    assert kept(talk("drop_oldest", *messages), room)[1] == (messages[2], messages[4])


def test_the_middle_of_a_single_long_message_is_taken_out() -> None:
    text = "begin " + "x" * 500 + " end"
    _prompt, (message,) = kept(talk("middle_out", say("user", text)), 200)
    head, tail = message.content.split(GAP)
    assert text.startswith(head)
    assert text.endswith(tail)
    assert abs(len(head) - len(tail)) <= 1
    assert len(message.content) > 150


def test_the_turns_in_the_middle_go_as_a_whole() -> None:
    pairs = [(say("user", f"{n} " * 10), say("assistant", f"{n} " * 10)) for n in range(9)]
    messages = tuple(message for pair in pairs for message in pair)
    prompt, left = kept(talk("middle_out", *messages), 300)
    assert (left[0], left[-1]) == (messages[0], messages[-1])
    assert [m.role for m in left] == ["user", "assistant"] * (len(left) // 2)
    assert prompt.dropped_messages == len(messages) - len(left) > 4


def test_a_short_question_behind_long_results_stays_whole() -> None:
    question = say("user", "What does it say?")
    messages = (question, CALL, replace(RESULT, content="r" * 900))
    _prompt, left = kept(talk("middle_out", *messages), 200)
    assert left[0] == question
    assert GAP in left[-1].content


def test_text_around_pictures_is_not_cut() -> None:
    picture = say("user", "p" * 100, media=(Media(kind="image", data=b"", at=50),))
    assert without_middle((picture,), 50, spare_question=False) == (picture,)


def plain(prompt: str | tuple[int, ...], overflow: Overflow) -> GenerateRequest:
    return GenerateRequest(id="a", prompt=prompt, overflow=overflow, max_tokens=10)


numbers = st.lists(st.integers(0, 299), min_size=1, max_size=200).map(tuple)


@given(
    st.one_of(st.text("aé漢 ", min_size=1, max_size=200), numbers),
    st.integers(2, 150),
    st.sampled_from(["drop_oldest", "middle_out"]),
    st.booleans(),
)
def test_any_plain_prompt_fits(
    prompt: str | tuple[int, ...], context: int, overflow: Overflow, adds_bos: bool
) -> None:
    vocab = ByteVocab(adds_bos=adds_bos)
    whole = build(plain(prompt, "error"), 10_000, vocab).tokens
    built = build(plain(prompt, overflow), context, vocab)
    assert len(built.tokens) + built.max_new <= context
    assert built.dropped_tokens == len(whole) - len(built.tokens)
    if not built.dropped_tokens:
        assert built.tokens == whole
    if context > 10:
        assert built.tokens[0] == whole[0] or overflow == "drop_oldest"
        assert built.tokens[-1] == whole[-1]
        if adds_bos and isinstance(prompt, str):
            assert built.tokens[0] == BOS


def test_a_plain_prompt_loses_its_beginning() -> None:
    assert build(plain("a" * 99 + "end", "drop_oldest"), 20).tokens == [*b"a" * 7, *b"end"]


def test_a_plain_prompt_loses_its_middle() -> None:
    tokens = build(plain("begin" + "a" * 99 + "end", "middle_out"), 30).tokens
    assert bytes(tokens) == b"beginaa [...] aaaend"


def test_a_prompt_does_not_begin_in_mid_character() -> None:
    tokens = build(plain("漢" * 30, "drop_oldest"), 20).tokens
    assert bytes(tokens).decode() == "漢漢漢"


def test_a_gap_keeps_what_is_next_to_it() -> None:
    vocab = ByteVocab(infill=InfillTokens(310, 311, 312))
    request = replace(plain("a" * 90 + "before", "drop_oldest"), suffix="after" + "b" * 90)
    tokens = build(request, 33, vocab).tokens
    assert tokens == [310, *b"a" * 9, *b"before", 311, *b"after", 312]


@pytest.mark.parametrize("policy", ["drop_oldest", "middle_out"])
@pytest.mark.parametrize("count", [1, 3_000])
def test_a_hopelessly_long_conversation_fits_after_a_few_renderings(
    policy: Overflow, count: int
) -> None:
    text = "<|im_end|> and text " * (60_000 // count)
    old = [message for _n in range(count) for message in (say("user", text), say("assistant", "b"))]
    renderer, vocab = Renderer(), ByteVocab()
    request = talk(policy, SYSTEM, *old, say("user", "the question"))
    prompt = PromptBuilder(vocab, renderer, 4_000, DEFAULT_ANSWER).build(request)
    # Two of them are to know where the system prompt ends.
    assert len(renderer.seen) <= 12
    assert vocab.longest < 100_000
    assert len(prompt.tokens) <= 3_990
    assert prompt.dropped_tokens > 1_000_000


@pytest.mark.parametrize("policy", ["drop_oldest", "middle_out"])
def test_a_hopelessly_long_prompt_fits(policy: Overflow) -> None:
    vocab = ByteVocab(adds_bos=True)
    prompt = build(plain("x" * 1_000_000 + "end", policy), 1_000, vocab)
    assert len(prompt.tokens) == 990
    assert (prompt.tokens[0], bytes(prompt.tokens[-3:])) == (BOS, b"end")
    assert vocab.longest < 100_000


def test_a_system_prompt_that_fills_the_context_is_an_overflow_with_both_counts() -> None:
    messages = (say("system", "s" * 100), say("user", "a"), say("assistant", "b"), say("user", "c"))
    for policy in ("drop_oldest", "middle_out"):
        with pytest.raises(ContextOverflow) as caught:
            build(talk(policy, *messages), 80)
        assert int(caught.value.details["prompt_tokens"]) > 100
        assert caught.value.details["context_length"] == 80


@given(st.integers(0, 500), st.integers(-5, 600), st.integers(0, 510))
def test_the_first_choice_that_fits_is_found_in_few_tries(
    count: int, guess: int, first: int
) -> None:
    tries: list[int] = []

    def fits(place: int) -> bool:
        assert 0 <= place < count
        tries.append(place)
        return place >= first

    assert first_that_fits(count, guess, fits) == (first if first < count else None)
    assert len(set(tries)) == len(tries) <= 20
    if guess == first and count:
        assert len(tries) <= 2


@given(st.integers(1, 10_000), st.floats(0, 1), st.integers(1, 9_000), st.integers(1, 5))
def test_as_few_characters_go_as_can_be_found_in_a_few_tries(
    most: int, excess: float, target: int, density: int
) -> None:
    tries: list[int] = []

    def tokens(remove: int) -> int:
        tries.append(remove)
        return (most - remove) * density

    found = least_removal(most, excess, target, tokens)
    assert len(tries) <= 8
    assert tokens(found) <= target
