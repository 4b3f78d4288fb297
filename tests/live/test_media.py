"""Images through a real worker and llama.cpp's mtmd, with a tiny model that sees."""

from __future__ import annotations

import base64
import ctypes
import io
import math
import struct
import wave
import zlib
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from fakes.engine_process import Answer, EngineProcess
from fakes.pictures import picture
from fakes.tiny_gguf import Gguf
from fakes.tiny_vision import (
    IMAGE_TOKENS,
    SOUND_TOKENS,
    Seeing,
    tiny_ears,
    tiny_projector,
    two_dimensional_model,
    write_tiny_vision,
)
from hob.engine.media import EncodedMedia
from hob.engine.native.context import Context, ContextParams
from hob.engine.native.library import lib, media_library
from hob.engine.native.media import MediaProjector, decode_media
from hob.engine.native.model import Model
from hob.engine.runtime import Chunk, DecodeAborted
from hob.errors import ContextOverflow, InvalidRequest
from hob.wire.chat import ChatMessage, Media
from hob.wire.engine import Loaded, LoadFailed, LoadOptions
from hob.wire.generate import GenerateRequest, Sampling
from live_daemon import LiveDaemon

pytestmark = pytest.mark.live

TEXT = "what is it?"
COLORS = ("red", "blue", "green", "white")
_ids = map(str, count())


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Seeing:
    return write_tiny_vision(tmp_path_factory.mktemp("vision"))


@pytest.fixture(scope="module")
def worker(pair: Seeing) -> Iterator[EngineProcess]:
    with EngineProcess() as engine:
        loaded = engine.load(pair.model, LoadOptions(projector=str(pair.projector), slots=2))
        assert isinstance(loaded, Loaded)
        assert loaded.info.media == ("image",)
        yield engine


def ask(*images: bytes, text: str = TEXT, at: int = 8, max_tokens: int = 8) -> GenerateRequest:
    media = tuple(Media(kind="image", data=data, at=at) for data in images)
    return GenerateRequest(
        id=next(_ids),
        messages=(ChatMessage(role="user", content=text, media=media),),
        max_tokens=max_tokens,
        sampling=Sampling(temperature=0.0, ignore_eos=True),
    )


def listen(data: bytes) -> GenerateRequest:
    media = (Media(kind="audio", data=data, at=8),)
    request = ask()
    return replace(request, messages=(replace(request.messages[0], media=media),))


def outcome(answer: Answer) -> tuple[str, str, str]:
    error = answer.failed.error
    assert error.hint
    return error.code, error.message, error.param


# Through a worker


def test_the_answer_depends_on_the_image(worker: EngineProcess) -> None:
    answers = {color: worker.answer(ask(picture(color))).text for color in COLORS}
    assert len(set(answers.values())) > 1
    for color in COLORS:
        assert worker.answer(ask(picture(color))).text == answers[color]


def test_the_same_picture_in_another_format_is_another_medium(worker: EngineProcess) -> None:
    for form in ("PNG", "BMP", "GIF", "JPEG"):
        answer = worker.answer(ask(picture("red", form=form)))
        assert answer.finished.usage.completion_tokens == 8


def test_a_second_request_with_the_same_image_finds_it_in_the_cache(
    worker: EngineProcess,
) -> None:
    image = picture("orange")
    first = worker.answer(ask(image, text="what is new?")).finished.usage
    again = worker.answer(ask(image, text="what is new, then?")).finished.usage
    other = worker.answer(ask(picture("pink"), text="what is new?")).finished.usage
    assert again.cached_tokens >= first.cached_tokens + IMAGE_TOKENS
    assert other.cached_tokens <= first.prompt_tokens - IMAGE_TOKENS


def test_several_images_and_requests_at_once(worker: EngineProcess) -> None:
    requests = [ask(picture(one), picture(two)) for one in COLORS for two in COLORS[:2]]
    together = worker.ask(*requests)
    for request in requests[:3]:
        alone = worker.answer(replace(request, id=next(_ids)))
        assert alone.text == together[request.id].text


def bomb() -> bytes:
    """A file of 10 kB that inflates to 10 MB for one pixel."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(10**7))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"no image", "no known format"),
        (bomb(), "more than its pixels"),
        (b"GIF89a" + struct.pack("<HH", 65_000, 65_000), "pixels"),
        (picture("red")[:-30], "damaged"),
        (picture("red", form="GIF")[:20], "cannot be decoded"),
        (b"BM" + bytes(12) + struct.pack("<Iii", 40, 3, 3), "cannot be decoded"),
    ],
)
def test_bombs_and_garbage_are_refused_with_words(
    worker: EngineProcess, data: bytes, why: str
) -> None:
    code, message, param = outcome(worker.answer(ask(data)))
    assert (code, param) == ("invalid_request", "messages")
    assert why in message
    assert worker.answer(ask(picture("red"), max_tokens=1)).finished.reason == "length"


def test_a_model_without_a_projector_cannot_see(pair: Seeing) -> None:
    with EngineProcess() as engine:
        loaded = engine.load(pair.model)
        assert isinstance(loaded, Loaded)
        assert loaded.info.media == ()
        code, message, _param = outcome(engine.answer(ask(picture("red"))))
        assert code == "unsupported_parameter"
        assert "cannot see" in message


def broken(kind: str) -> Gguf | bytes:
    if kind == "empty":
        return b""
    if kind == "of another model":
        return tiny_projector(width=48)
    if kind == "of an unknown type":
        return tiny_projector("no-such-projector")
    return tiny_projector().bytes()[:-2000]


@pytest.mark.parametrize("kind", ["empty", "of another model", "of an unknown type", "cut off"])
def test_a_projector_that_cannot_be_loaded_says_so(pair: Seeing, tmp_path: Path, kind: str) -> None:
    file, made = tmp_path / "mmproj.gguf", broken(kind)
    file.write_bytes(made if isinstance(made, bytes) else made.bytes())
    with EngineProcess() as engine:
        failed = engine.load(pair.model, LoadOptions(projector=str(file)))
    assert isinstance(failed, LoadFailed)
    assert "mmproj.gguf" in failed.error.message


def test_a_picture_in_openais_words_reaches_a_model_with_its_projector_beside_it(
    pair: Seeing, home: Path
) -> None:
    url = f"data:image/png;base64,{base64.b64encode(picture('red')).decode()}"
    content = [
        {"type": "text", "text": "what is "},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    # In a context as small as this, prompts of plugins would take the picture's place.
    alone = ["plugins.enabled=false"]
    with LiveDaemon(home, [pair.model, pair.projector], settings=alone) as daemon:
        sdk: Any = daemon.openai()
        assert len(sdk.models.list().data) == 1
        first, again = (
            sdk.chat.completions.create(
                model="", max_tokens=4, messages=[{"role": "user", "content": content}]
            )
            for _turn in range(2)
        )
    assert first.usage.prompt_tokens > IMAGE_TOKENS
    assert again.usage.prompt_tokens_details.cached_tokens >= IMAGE_TOKENS


def tone(hertz: int) -> bytes:
    """A second of a tone, as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        samples = (round(9000 * math.sin(2 * math.pi * hertz * n / 16_000)) for n in range(16_000))
        out.writeframes(struct.pack("<16000h", *samples))
    return file.getvalue()


def test_a_model_with_ears_answers_to_sounds_and_not_to_images(
    pair: Seeing, tmp_path: Path
) -> None:
    ears = tmp_path / "mmproj.gguf"
    ears.write_bytes(tiny_ears().bytes())
    with EngineProcess() as engine:
        loaded = engine.load(pair.model, LoadOptions(projector=str(ears)))
        assert isinstance(loaded, Loaded), loaded
        assert loaded.info.media == ("audio",)
        answers: dict[int, str] = {}
        for hertz in (100, 1000, 1000, 3000):
            answer = engine.answer(listen(tone(hertz)))
            usage = answer.finished.usage
            heard = usage.cached_tokens > usage.prompt_tokens - SOUND_TOKENS
            assert heard == (hertz in answers)
            assert answer.text == answers.setdefault(hertz, answer.text)
        assert len(set(answers.values())) > 1
        assert "damaged" in outcome(engine.answer(listen(b"RIFF....WAVEfmt " + bytes(30))))[1]
        assert (
            "decoded"
            in outcome(engine.answer(listen(b"ID3" + bytes(7) + b"\xff\xfb" + bytes(30))))[1]
        )
        assert "cannot see" in outcome(engine.answer(ask(picture("red"))))[1]


# By llama.cpp itself


@pytest.fixture(scope="module")
def model(pair: Seeing) -> Iterator[Model]:
    with Model.load(
        pair.model, gpu_layers=0, mmap=True, mlock=False, progress=lambda _fraction: None
    ) as model:
        yield model


@pytest.fixture(scope="module")
def projector(pair: Seeing, model: Model) -> Iterator[MediaProjector]:
    with MediaProjector.open(pair.projector, model, threads=2, gpu=False) as projector:
        yield projector


def new_context(model: Model, batch: int = 64) -> Context:
    params = ContextParams(
        length=512,
        slots=2,
        places=2,
        batch=batch,
        threads=2,
        flash_attention="auto",
        kv_type="f16",
    )
    return Context(model, params)


def continue_greedily(model: Model, context: Context, index: int, start: int) -> bytes:
    """Eight tokens of slot 0, each the likeliest but the end."""
    text = b""
    for position in range(start, start + 8):
        size = model.vocab.size
        floats = (ctypes.c_float * size).from_address(context.logits_address(index))
        token = max((n for n in range(size) if not model.vocab.is_end(n)), key=lambda n: floats[n])
        text += model.vocab.piece(token)
        (index,) = context.decode([Chunk(0, position, [token], outputs=1)])
    return text


def reference(pair: Seeing, model: Model, image: bytes, prompt: str) -> bytes:
    """What mtmd's own helpers make of a prompt with a marker in it."""
    mtmd = media_library()
    params = mtmd.mtmd_context_params_default()
    params.use_gpu, params.warmup, params.n_threads = False, False, 2
    eyes = mtmd.mtmd_init_from_file(str(pair.projector).encode(), model.pointer, params)
    data = (ctypes.c_uint8 * len(image)).from_buffer_copy(image)
    options = mtmd.mtmd_helper_init_opt_default()
    bitmap = mtmd.mtmd_helper_bitmap_init_from_buf_wrapper(
        eyes, data, len(image), False, options
    ).bitmap
    chunks = mtmd.mtmd_input_chunks_init()
    raw = prompt.replace("@", mtmd.mtmd_default_marker().decode()).encode()
    text = mtmd.mtmd_input_text(raw, len(raw), True, True)
    bitmaps = (mtmd.mtmd_bitmap_p_ctypes * 1)(bitmap)
    assert mtmd.mtmd_tokenize(eyes, chunks, ctypes.byref(text), bitmaps, 1) == 0
    end = lib.llama_pos()
    with new_context(model) as context:
        status = mtmd.mtmd_helper_eval_chunks(
            eyes, context.pointer, chunks, 0, 0, 64, True, ctypes.byref(end)
        )
        assert status == 0
        answer = continue_greedily(model, context, -1, end.value)
    mtmd.mtmd_input_chunks_free(chunks)
    mtmd.mtmd_bitmap_free(bitmap)
    mtmd.mtmd_free(eyes)
    return answer


@pytest.mark.parametrize("color", COLORS)
def test_answers_are_those_of_llama_cpps_own_helpers(
    pair: Seeing, model: Model, worker: EngineProcess, color: str
) -> None:
    prompt = f"<|im_start|>user\n{TEXT[:8]}@{TEXT[8:]}<|im_end|>\n<|im_start|>assistant\n"
    expected = reference(pair, model, picture(color), prompt)
    answer = worker.answer(ask(picture(color)))
    assert answer.text == expected.decode("utf-8", "replace")


def encoded_image(projector: MediaProjector, color: str = "red") -> EncodedMedia:
    (part,) = projector.encode(Media(kind="image", data=picture(color)), 100, 64)
    assert isinstance(part, EncodedMedia)
    return part


def logits_after(model: Model, context: Context, index: int) -> Sequence[float]:
    return list((ctypes.c_float * model.vocab.size).from_address(context.logits_address(index)))


def test_an_image_in_pieces_is_the_same_image(model: Model, projector: MediaProjector) -> None:
    image = encoded_image(projector)
    assert len(image) == IMAGE_TOKENS
    found = []
    for batch in (64, 5):
        with new_context(model, batch) as context:
            index = decode_media(context, 0, 0, image)
            found.append(logits_after(model, context, index))
    assert found[0] == pytest.approx(found[1], abs=0.02)


def test_an_interrupted_image_is_told_as_such(model: Model, projector: MediaProjector) -> None:
    with new_context(model) as context:
        context.interrupt()
        with pytest.raises(DecodeAborted):
            decode_media(context, 0, 0, encoded_image(projector))
        context.clear_interrupt()
        assert context.cut(0, 0)
        assert decode_media(context, 0, 0, encoded_image(projector)) == IMAGE_TOKENS - 1


def test_images_that_see_all_of_themselves_leave_the_context_causal(
    model: Model, projector: MediaProjector
) -> None:
    image = encoded_image(projector)
    both = EncodedMedia(image.ids, image.data, non_causal=True)
    text = Chunk(0, 0, [5, 6, 7, 8], outputs=1)
    with new_context(model) as context:
        before = logits_after(model, context, context.decode([text])[0])
        context.cut(0, 0)
        causal = logits_after(model, context, decode_media(context, 0, 0, image))
        context.cut(0, 0)
        seen = logits_after(model, context, decode_media(context, 0, 0, both))
        context.cut(0, 0)
        after = logits_after(model, context, context.decode([text])[0])
    assert before == pytest.approx(after, abs=1e-4)
    assert causal != pytest.approx(seen, abs=1e-3)


def test_an_image_too_long_for_the_context_is_refused_unread(projector: MediaProjector) -> None:
    with pytest.raises(ContextOverflow, match="alone has 16 tokens"):
        list(projector.encode(Media(kind="image", data=picture("red")), 10, 64))


def test_a_sound_in_the_place_of_an_image_is_refused(projector: MediaProjector) -> None:
    with pytest.raises(InvalidRequest, match="cannot be decoded"):
        list(projector.encode(Media(kind="audio", data=picture("red")), 100, 64))


def test_a_model_with_two_dimensional_places_answers_text_and_says_so(tmp_path: Path) -> None:
    pair = write_tiny_vision(tmp_path)
    pair.model.write_bytes(two_dimensional_model().bytes())
    with EngineProcess() as engine:
        loaded = engine.load(pair.model, LoadOptions(projector=str(pair.projector)))
        assert isinstance(loaded, Loaded), loaded
        assert loaded.info.media == ()
        code, message, _param = outcome(engine.answer(ask(picture("red"))))
        assert code == "unsupported_parameter"
        assert "M-RoPE" in message
        assert engine.answer(ask()).finished.reason == "length"
