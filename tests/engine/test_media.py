"""Images in prompts: placeholders in the tokens, and where they stand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fakes.byte_vocab import BOS, ByteVocab
from fakes.pictures import BEGIN, END, FakeProjector, shown
from hob.engine.media import EncodedMedia, find_runs, placeholders, whole_runs
from hob.engine.projection import Projection
from hob.engine.prompts.prompt import PromptBuilder
from hob.errors import HobError, InvalidRequest, TemplateFailed, UnsupportedParameter
from hob.wire.chat import ChatMessage, Media
from hob.wire.generate import GenerateRequest


def plain(messages: Sequence[ChatMessage], _request: GenerateRequest) -> str:
    return "".join(message.content for message in messages)


def builder(
    projector: FakeProjector | None = None,
    vocab: ByteVocab | None = None,
    problem: HobError | None = None,
) -> PromptBuilder:
    projection = Projection(projector or FakeProjector())
    if problem:
        projection = Projection(problem=problem)
    return PromptBuilder(vocab or ByteVocab(), plain, 1000, 50, projection)


def say(text: str, *media: Media) -> GenerateRequest:
    message = ChatMessage(role="user", content=text, media=media)
    return GenerateRequest(id="a", messages=(message,))


def ids_of(medium: Media, count: int = 4) -> tuple[int, ...]:
    return placeholders(FakeProjector().digest(medium), count)


def test_placeholders_are_negative_and_depend_on_all_that_they_are_made_from() -> None:
    first = placeholders(b"a", 5)
    assert len(set(first)) == 5
    assert all(-(2**63) <= number < 0 for number in first)
    assert first == placeholders(b"a", 5)
    assert not set(first) & {*placeholders(b"b", 5), *placeholders(b"a", 4)}


def test_a_length_within_a_run_is_cut_to_its_start() -> None:
    encoded = EncodedMedia(placeholders(b"a", 3), b"")
    known = {encoded.ids[0]: encoded}
    runs = find_runs([1, 2, *encoded.ids, 3, *encoded.ids], known.get)
    assert [(run.start, run.end) for run in runs] == [(2, 5), (6, 9)]
    assert [whole_runs(length, runs) for length in range(10)] == [0, 1, 2, 2, 2, 5, 6, 6, 6, 9]


def test_an_image_stands_where_the_message_has_it() -> None:
    red, blue = shown("red", at=2), shown("blue", at=0)
    prompt = builder().build(say("abcd", red, blue))
    expected = [BEGIN, *ids_of(blue), END, *b"ab", BEGIN, *ids_of(red), END, *b"cd"]
    assert prompt.tokens == expected
    assert [(run.start, run.length) for run in prompt.media] == [(1, 4), (9, 4)]


def test_an_image_keeps_its_place_when_text_before_it_is_marked() -> None:
    prompt = builder().build(say("<s>x", shown("red", at=3)))
    assert prompt.tokens == [*b"<s>", BEGIN, *ids_of(shown("red")), END, *b"x"]


def test_a_prompt_that_begins_with_an_image_begins_with_bos() -> None:
    prompt = builder(vocab=ByteVocab(adds_bos=True)).build(say("x", shown("red")))
    assert prompt.tokens[:2] == [BOS, BEGIN]


def test_the_same_image_is_encoded_once() -> None:
    projector = FakeProjector()
    prompts = builder(projector)
    for _turn in range(3):
        prompts.build(say("x", shown("red"), shown("red"), shown("blue")))
    assert len(projector.encoded) == 2


def test_each_encoded_part_is_told_as_progress() -> None:
    projection = Projection(FakeProjector())
    told: list[None] = []
    projection.progress = lambda: told.append(None)
    projection.encode(shown("red"))
    projection.encode(shown("red"))
    assert len(told) == 3


def test_images_are_forgotten_when_they_take_much_memory() -> None:
    projector = FakeProjector(data_bytes=50 * 2**20)
    prompts = builder(projector)
    for color in ("red", "green", "blue", "white", "red", "white"):
        prompt = prompts.build(say("x", shown(color)))
        assert len(prompt.media) == 1
    assert len(projector.encoded) == 5


def test_a_model_without_a_projector_says_that_it_cannot_see() -> None:
    blind = PromptBuilder(ByteVocab(), plain, 100, 50)
    with pytest.raises(UnsupportedParameter, match="cannot see images"):
        blind.build(say("x", shown("red")))


def test_what_sees_need_not_hear() -> None:
    with pytest.raises(UnsupportedParameter, match="cannot hear sounds"):
        builder().build(say("x", Media(kind="audio", data=b"ID3")))


def test_a_projector_that_cannot_be_used_is_the_reason_given() -> None:
    problem = UnsupportedParameter("Not in two dimensions.")
    with pytest.raises(UnsupportedParameter, match="two dimensions"):
        builder(problem=problem).build(say("x", shown("red")))


def test_a_file_that_is_no_image_reaches_no_decoder() -> None:
    projector = FakeProjector()
    with pytest.raises(InvalidRequest, match="no known format"):
        builder(projector).build(say("x", Media(kind="image", data=b"GIF8 or so")))
    assert not projector.encoded


def test_a_template_that_leaves_an_image_out_fails() -> None:
    deaf = PromptBuilder(ByteVocab(), lambda _m, _r: "x", 100, 50, Projection(FakeProjector()))
    with pytest.raises(TemplateFailed, match="leaves out"):
        deaf.build(say("x", shown("red")))


def test_a_prefill_ends_with_whole_images() -> None:
    prompts = builder()
    assert prompts.prefill(say("what is ", shown("red", at=8))).media == ()
    prompt = prompts.prefill(say("see: and more wor", shown("red", at=4)))
    assert [(run.start, run.end) for run in prompt.media] == [(5, 9)]
    assert prompt.tokens[-9:] == list(b" and more")


def test_a_prompt_with_images_is_not_echoed() -> None:
    message = ChatMessage(role="user", content="x", media=(shown("red"),))
    request = GenerateRequest(id="a", messages=(message,), echo=True)
    with pytest.raises(UnsupportedParameter, match="echo"):
        builder().build(request)


def test_a_shown_prompt_names_its_images() -> None:
    assert builder().render(say("abc", shown("red", at=1))).text == "a[image]bc"
