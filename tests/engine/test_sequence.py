from hob.engine.job import Job, Prompt
from hob.engine.output.stream import PlainOutput
from hob.engine.sequence import FRAME_S, Sequence
from hob.wire.generate import Delta, GenerateRequest


def add(seq: Sequence, token: int, piece: bytes, now: float) -> Delta | None:
    seq.add(token, piece, None, now)
    return seq.take_delta(now)


def sequence() -> Sequence:
    seq = Sequence(GenerateRequest(id="r", prompt="x"), arrived=0.0)
    seq.prepared(Job(Prompt([1], 10), PlainOutput()))
    return seq


def test_the_first_text_goes_out_at_once() -> None:
    delta = add(sequence(), 2, b"one", now=0.0)
    assert delta is not None
    assert delta.text == "one"


def test_text_within_one_frame_goes_out_together() -> None:
    seq = sequence()
    add(seq, 2, b"one", now=0.0)
    assert add(seq, 3, b" two", now=FRAME_S / 2) is None
    delta = add(seq, 4, b" three", now=FRAME_S)
    assert delta is not None
    assert (delta.text, delta.tokens) == (" two three", 2)


def test_a_slow_model_sends_every_token_as_it_comes() -> None:
    seq = sequence()
    deltas = [add(seq, 2 + n, b"a", now=n * 2 * FRAME_S) for n in range(5)]
    assert all(deltas)


def test_what_waits_for_its_frame_is_sent_at_the_end() -> None:
    seq = sequence()
    add(seq, 2, b"one", now=0.0)
    add(seq, 3, b" two", now=0.001)
    rest = seq.rest()
    assert rest is not None
    assert (rest.text, rest.tokens) == (" two", 1)


def test_half_a_character_does_not_use_up_the_frame() -> None:
    seq = sequence()
    fox = "🦊".encode()
    assert add(seq, 2, fox[:2], now=0.0) is None
    delta = add(seq, 3, fox[2:], now=0.001)
    assert delta is not None
    assert delta.text == "🦊"
