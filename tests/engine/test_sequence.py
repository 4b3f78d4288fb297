from hob.engine.job import Job, Prompt
from hob.engine.output.stream import PlainOutput
from hob.engine.sequence import FRAME_S, Sequence
from hob.wire.generate import GenerateRequest


def sequence() -> Sequence:
    seq = Sequence(GenerateRequest(id="r", prompt="x"), arrival=1, accepted_at=0.0)
    seq.prepared(Job(Prompt([1], 10), PlainOutput()))
    return seq


def test_the_first_text_goes_out_at_once() -> None:
    delta = sequence().add(2, b"one", now=0.0)
    assert delta is not None
    assert delta.text == "one"


def test_text_within_one_frame_goes_out_together() -> None:
    seq = sequence()
    seq.add(2, b"one", now=0.0)
    assert seq.add(3, b" two", now=FRAME_S / 2) is None
    delta = seq.add(4, b" three", now=FRAME_S)
    assert delta is not None
    assert (delta.text, delta.tokens) == (" two three", 2)


def test_a_slow_model_sends_every_token_as_it_comes() -> None:
    seq = sequence()
    deltas = [seq.add(2 + n, b"a", now=n * 2 * FRAME_S) for n in range(5)]
    assert all(deltas)


def test_what_waits_for_its_frame_is_sent_at_the_end() -> None:
    seq = sequence()
    seq.add(2, b"one", now=0.0)
    seq.add(3, b" two", now=0.001)
    rest = seq.rest()
    assert rest is not None
    assert (rest.text, rest.tokens) == (" two", 1)


def test_half_a_character_does_not_use_up_the_frame() -> None:
    seq = sequence()
    fox = "🦊".encode()
    assert seq.add(2, fox[:2], now=0.0) is None
    delta = seq.add(3, fox[2:], now=0.001)
    assert delta is not None
    assert delta.text == "🦊"
