import msgspec
import pytest

from hob.errors import ContextOverflow, DownloadError, HobError, error_classes
from hob.wire.base import ErrorInfo
from hob.wire.engine import Cancel, Generate, from_worker_decoder, to_worker_decoder
from hob.wire.events import Event, ModelLoading
from hob.wire.generate import ChatMessage, Delta, GenerateRequest, Sampling, Timings


def test_an_error_keeps_its_class_and_figures_across_the_wire() -> None:
    error = ContextOverflow(
        "Too long.", hint="Shorten it.", prompt_tokens=9000, context_length=8192
    )
    again = msgspec.json.decode(msgspec.json.encode(ErrorInfo.of(error)), type=ErrorInfo).error()
    assert type(again) is ContextOverflow
    assert again.details == {"prompt_tokens": 9000, "context_length": 8192}
    assert str(again) == "Too long. Shorten it."


def test_an_unknown_error_code_is_still_an_error_for_the_user() -> None:
    assert type(ErrorInfo(code="from_the_future", message="?").error()) is HobError


@pytest.mark.parametrize("code", sorted(error_classes()))
def test_every_error_code_finds_its_own_class(code: str) -> None:
    assert type(ErrorInfo(code=code, message="x").error()).code == code


def test_no_two_errors_share_a_code() -> None:
    def count(cls: type[HobError]) -> int:
        return ("code" in vars(cls)) + sum(count(sub) for sub in cls.__subclasses__())

    assert len(error_classes()) == count(HobError)


def test_an_error_without_a_code_of_its_own_is_the_one_it_derives_from() -> None:
    class Private(DownloadError):
        """What only one room tells apart."""

    assert error_classes()[Private.code] is DownloadError


def test_engine_messages_come_back_as_what_they_were() -> None:
    request = GenerateRequest(id="r1", messages=(ChatMessage(role="user", content="hé 🦊"),))
    for sent in (Generate(request=request), Cancel(id="r1")):
        assert to_worker_decoder.decode(msgspec.msgpack.encode(sent)) == sent
    delta = Delta(id="r1", text="x")
    assert from_worker_decoder.decode(msgspec.msgpack.encode(delta)) == delta


def test_an_event_names_itself_in_json() -> None:
    event = ModelLoading(at=1.0, model="m", fraction=0.5)
    body = msgspec.json.encode(event)
    assert msgspec.json.decode(body)["event"] == "model.loading"
    assert msgspec.json.decode(body, type=Event) == event


@pytest.mark.parametrize(
    "field", [{"temperature": -1.0}, {"top_p": 1.5}, {"seed": -1}, {"repeat_penalty": 0.0}]
)
def test_sampling_out_of_range_is_refused(field: dict[str, float]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(field, Sampling)


def test_decode_rate_leaves_out_the_first_token() -> None:
    assert Timings(decode_s=2.0).tokens_per_second(21) == 10.0
    assert Timings().tokens_per_second(1) == 0.0
