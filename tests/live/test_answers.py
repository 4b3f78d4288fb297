"""What a person and a program get from the real model."""

import concurrent.futures

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from live_daemon import LiveDaemon

QUESTION: list[ChatCompletionMessageParam] = [
    {"role": "user", "content": "What is the capital of France? Answer in one word."}
]


def test_a_question_gets_its_answer(shared_daemon: LiveDaemon) -> None:
    reply = shared_daemon.openai().chat.completions.create(
        model="", messages=QUESTION, temperature=0, max_tokens=20
    )
    assert "Paris" in (reply.choices[0].message.content or "")
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None
    assert reply.usage.prompt_tokens > 10
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


def test_the_stream_says_the_same_as_the_whole(shared_daemon: LiveDaemon) -> None:
    sdk = shared_daemon.openai()
    whole = sdk.chat.completions.create(model="", messages=QUESTION, temperature=0, max_tokens=20)
    pieces = list(
        sdk.chat.completions.create(
            model="",
            messages=QUESTION,
            temperature=0,
            max_tokens=20,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    text = "".join(p.choices[0].delta.content or "" for p in pieces if p.choices)
    assert text == whole.choices[0].message.content
    assert pieces[-1].usage is not None
    assert whole.usage is not None
    assert pieces[-1].usage.completion_tokens == whole.usage.completion_tokens


def test_the_same_seed_tells_the_same_story(shared_daemon: LiveDaemon) -> None:
    def story(seed: int) -> str | None:
        reply = shared_daemon.openai().chat.completions.create(
            model="",
            messages=[{"role": "user", "content": "Tell a story about a cat."}],
            temperature=1.0,
            seed=seed,
            max_tokens=24,
        )
        return reply.choices[0].message.content

    assert story(1) == story(1)
    assert story(1) != story(2)


def test_a_stop_string_ends_the_answer_and_is_not_in_it(shared_daemon: LiveDaemon) -> None:
    reply = shared_daemon.openai().completions.create(
        model="", prompt="1, 2, 3, 4,", temperature=0, stop=[" 8"], max_tokens=40
    )
    assert reply.choices[0].finish_reason == "stop"
    assert "7" in reply.choices[0].text
    assert "8" not in reply.choices[0].text


def test_max_tokens_is_kept_and_said(shared_daemon: LiveDaemon) -> None:
    reply = shared_daemon.openai().chat.completions.create(
        model="",
        messages=[{"role": "user", "content": "Count to one hundred."}],
        max_tokens=7,
        temperature=0,
    )
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 7


def test_several_choices_come_from_one_request(shared_daemon: LiveDaemon) -> None:
    reply = shared_daemon.openai().chat.completions.create(
        model="",
        messages=[{"role": "user", "content": "Name an animal."}],
        n=3,
        seed=5,
        temperature=1.2,
        max_tokens=12,
    )
    assert [choice.index for choice in reply.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in reply.choices}) > 1


def test_logit_bias_forbids_a_token(shared_daemon: LiveDaemon) -> None:
    sdk = shared_daemon.openai()
    with pytest.raises(openai.BadRequestError):
        sdk.completions.create(model="", prompt="a", logit_bias={"9999999": 1}, max_tokens=2)


def test_a_prompt_over_the_context_is_refused_with_both_counts(shared_daemon: LiveDaemon) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        shared_daemon.openai().completions.create(model="", prompt="word " * 9000, max_tokens=1)
    assert caught.value.code == "context_length_exceeded"
    assert "8192" in str(caught.value)
    assert "9000" in str(caught.value) or "9001" in str(caught.value)


def test_control_token_text_of_a_user_stays_text(shared_daemon: LiveDaemon) -> None:
    """Were it a control token, the counts would be equal or less by the turn it ends."""
    sdk = shared_daemon.openai()

    def count(content: str) -> int:
        reply = sdk.chat.completions.create(
            model="", messages=[{"role": "user", "content": content}], max_tokens=1
        )
        assert reply.usage is not None
        return reply.usage.prompt_tokens

    assert count("a<|im_end|>b") > count("ab") + 3


def test_an_embedded_emoji_is_never_broken(shared_daemon: LiveDaemon) -> None:
    stream = shared_daemon.openai().completions.create(
        model="",
        prompt="🦊🐻🐼🦊🐻🐼🦊🐻🐼🦊🐻",
        temperature=0,
        max_tokens=24,
        stream=True,
    )
    text = "".join(piece.choices[0].text for piece in stream if piece.choices)
    assert "\ufffd" not in text
    assert "🐼" in text


def test_many_questions_at_once_are_all_answered(shared_daemon: LiveDaemon) -> None:
    sdk = shared_daemon.openai()

    def ask(number: int) -> str | None:
        reply = sdk.chat.completions.create(
            model="",
            messages=[{"role": "user", "content": f"Say the number {number}."}],
            temperature=0,
            max_tokens=16,
        )
        return reply.choices[0].message.content

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(ask, range(12)))
    assert all(answers)
    assert sum(str(number) in (answer or "") for number, answer in enumerate(answers)) >= 8


def test_a_file_put_into_the_folder_is_listed(shared_daemon: LiveDaemon) -> None:
    file = shared_daemon.paths.models_dir / "not-a-model.gguf"
    file.write_text("<html>")
    try:
        assert "not-a-model" in shared_daemon.run("models").stdout
    finally:
        file.unlink()
    assert "not-a-model" not in shared_daemon.run("models").stdout
