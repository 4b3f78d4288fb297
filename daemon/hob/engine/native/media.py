"""The model that turns images and sounds into embeddings: llama.cpp's mtmd with an mmproj file."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hob.engine.cache.identity import model_digest
from hob.engine.media import EncodedMedia, Part, media_digest, placeholders
from hob.engine.native.context import Context
from hob.engine.native.library import lib, log, media_library
from hob.engine.native.model import Model
from hob.engine.native.owner import Owner
from hob.errors import ContextOverflow, InvalidRequest, ModelLoadFailed, UnsupportedParameter
from hob.wire.chat import Media, MediaKind

# Where the text of a prompt would have the medium; we give it nothing else.
_MARKER = b"<__media__>"
# llama.cpp would give what it cannot decode to ffmpeg: a client must not choose what runs.
_NO_PROGRAMS = b"/nowhere"
_EMBEDDING = ctypes.POINTER(ctypes.c_float)


class MediaProjector(Owner):
    """One mmproj file for one model; close it before the model. It has a compute context of its
    own, so that one thread may encode while another decodes with the model."""

    def __init__(self, pointer: int, model: Model, digest: str) -> None:
        self._mtmd = media_library()
        self._pointer: int | None = pointer
        self._width = int(lib.llama_model_n_embd_inp(model.pointer))
        self._digest = digest
        found: list[MediaKind] = []
        if self._mtmd.mtmd_support_vision(pointer):
            found.append("image")
        if self._mtmd.mtmd_support_audio(pointer):
            found.append("audio")
        self.kinds: tuple[MediaKind, ...] = tuple(found)

    @classmethod
    def open(cls, path: Path, model: Model, *, threads: int, gpu: bool) -> MediaProjector:
        """Raises ModelLoadFailed, or UnsupportedParameter for a projector whose media do not take
        a position for each token."""
        mtmd = media_library()
        params = mtmd.mtmd_context_params_default()
        params.use_gpu = gpu
        params.n_threads = threads
        params.print_timings = False
        params.warmup = False
        params.media_marker = _MARKER
        log.last_error = ""
        try:
            digest = model_digest(path)
        except OSError as error:
            raise _load_failure(path, str(error)) from error
        pointer = mtmd.mtmd_init_from_file(os.fsencode(path), model.pointer, params)
        if not pointer:
            raise _load_failure(path, log.last_error)
        if mtmd.mtmd_decode_use_mrope(pointer):
            mtmd.mtmd_free(pointer)
            raise UnsupportedParameter(
                "This model places images in two dimensions (M-RoPE), which Hob does not do yet, "
                "so it only takes text.",
                hint="Choose another vision model, such as Gemma 3 or SmolVLM.",
                param="messages",
            )
        return cls(pointer, model, digest)

    def digest(self, media: Media) -> bytes:
        """The same for the same medium and projector alone."""
        return media_digest(media, self._digest)

    def encode(self, media: Media, most_tokens: int, most_at_once: int) -> Iterator[Part]:
        """What stands for a medium in a prompt, part after part, if it has at most `most_tokens`;
        embeddings that must be computed at once have at most `most_at_once`.

        Raises InvalidRequest when it cannot be decoded, ContextOverflow when it is too long.
        """
        mtmd = self._mtmd
        with self._bitmap(media) as bitmap, self._chunks(bitmap) as chunks:
            count = mtmd.mtmd_input_chunks_size(chunks)
            found = [mtmd.mtmd_input_chunks_get(chunks, index) for index in range(count)]
            tokens = sum(mtmd.mtmd_input_chunk_get_n_tokens(chunk) for chunk in found)
            if tokens > most_tokens:
                raise _too_long(media.kind, tokens, most_tokens)
            digest = self.digest(media)
            for index, chunk in enumerate(found):
                yield self._part(chunk, digest + index.to_bytes(4, "little"), most_at_once)

    @contextmanager
    def _bitmap(self, media: Media) -> Iterator[int]:
        mtmd = self._mtmd
        options = mtmd.mtmd_helper_init_opt_default()
        options.video_params.ffmpeg_bin_dir = _NO_PROGRAMS
        data = (ctypes.c_uint8 * len(media.data)).from_buffer_copy(media.data)
        wrapper = mtmd.mtmd_helper_bitmap_init_from_buf_wrapper(
            self._pointer, data, len(media.data), False, options
        )
        if wrapper.video_ctx:
            mtmd.mtmd_helper_video_free(wrapper.video_ctx)
        if not wrapper.bitmap:
            raise _undecodable(media.kind)
        try:
            if bool(mtmd.mtmd_bitmap_is_audio(wrapper.bitmap)) != (media.kind == "audio"):
                raise _undecodable(media.kind)
            yield wrapper.bitmap
        finally:
            mtmd.mtmd_bitmap_free(wrapper.bitmap)

    @contextmanager
    def _chunks(self, bitmap: int) -> Iterator[int]:
        mtmd = self._mtmd
        text = mtmd.mtmd_input_text(_MARKER, len(_MARKER), False, True)
        bitmaps = (mtmd.mtmd_bitmap_p_ctypes * 1)(bitmap)
        chunks = mtmd.mtmd_input_chunks_init()
        try:
            if mtmd.mtmd_tokenize(self._pointer, chunks, ctypes.byref(text), bitmaps, 1):
                raise InvalidRequest(
                    "The model cannot take an image or sound of this size.",
                    hint="Send it larger, smaller or in another shape.",
                    param="messages",
                )
            yield chunks
        finally:
            mtmd.mtmd_input_chunks_free(chunks)

    def _part(self, chunk: int, digest: bytes, most_at_once: int) -> Part:
        mtmd = self._mtmd
        if mtmd.mtmd_input_chunk_get_type(chunk) == mtmd.MTMD_INPUT_CHUNK_TYPE_TEXT:
            size = ctypes.c_size_t()
            tokens = mtmd.mtmd_input_chunk_get_tokens_text(chunk, ctypes.byref(size))
            return tuple(tokens[: size.value])
        count = int(mtmd.mtmd_input_chunk_get_n_tokens(chunk))
        non_causal = bool(mtmd.mtmd_decode_use_non_causal(self._pointer, chunk))
        if non_causal and count > most_at_once:
            raise InvalidRequest(
                f"The image has {count} tokens that must be computed at once, and a step has at "
                f"most {most_at_once}.",
                hint=f"Set `hob config set engine.batch_tokens {count}`.",
                param="messages",
            )
        if mtmd.mtmd_encode_chunk(self._pointer, chunk):
            raise InvalidRequest(
                "The model's projector could not read the image or sound.",
                hint="Send it in another size or format.",
                param="messages",
                reason=log.last_error,
            )
        floats = mtmd.mtmd_get_output_embd(self._pointer)
        data = ctypes.string_at(floats, count * self._width * ctypes.sizeof(ctypes.c_float))
        return EncodedMedia(placeholders(digest, count), data, non_causal)

    def close(self) -> None:
        if self._pointer:
            self._mtmd.mtmd_free(self._pointer)
            self._pointer = None


def decode_media(context: Context, slot: int, start: int, encoded: EncodedMedia) -> int:
    """Compute embeddings at positions `start` onward of a slot, in pieces; returns the index in
    the last batch of the last one's logits.

    Raises what `Context.decode` raises.
    """
    size = context.params.batch
    width = len(encoded.data) // len(encoded)
    if encoded.non_causal:
        lib.llama_set_causal_attn(context.pointer, False)
    try:
        for first in range(0, len(encoded), size):
            count = min(size, len(encoded) - first)
            data = encoded.data[first * width : (first + count) * width]
            context.compute(_batch(data, count, slot, start + first))
        return count - 1
    finally:
        if encoded.non_causal:
            lib.llama_set_causal_attn(context.pointer, True)


def _batch(data: bytes, count: int, slot: int, start: int) -> Any:  # noqa: ANN401
    """A llama_batch of embeddings; what it points to lives as long as it does."""
    seq_id_p = ctypes.POINTER(lib.llama_seq_id)
    own = (lib.llama_seq_id * 1)(slot)
    return lib.llama_batch(
        n_tokens=count,
        token=None,
        embd=ctypes.cast(ctypes.c_char_p(data), _EMBEDDING),
        pos=(lib.llama_pos * count)(*range(start, start + count)),
        n_seq_id=(ctypes.c_int32 * count)(*([1] * count)),
        seq_id=(seq_id_p * count)(*([ctypes.cast(own, seq_id_p)] * count)),
        logits=(ctypes.c_int8 * count)(*([0] * (count - 1)), 1),
    )


def _load_failure(path: Path, reason: str) -> ModelLoadFailed:
    return ModelLoadFailed(
        f"llama.cpp cannot load the projector {path.name}, so the model cannot see or hear.",
        hint="It may be damaged, or belong to another model. Fetch it again, or take it out of the "
        "model's folder to use the model for text.",
        reason=reason,
    )


def _undecodable(kind: MediaKind) -> InvalidRequest:
    return InvalidRequest(
        f"The {'image' if kind == 'image' else 'sound'} cannot be decoded.",
        hint="The file may be damaged; save it again, and send it whole.",
        param="messages",
    )


def _too_long(kind: MediaKind, tokens: int, most: int) -> ContextOverflow:
    return ContextOverflow(
        f"The {'image' if kind == 'image' else 'sound'} alone has {tokens} tokens, and the context "
        f"holds {most}.",
        hint="Send a smaller one, or set a larger context with `hob config set "
        "engine.context_length N`.",
        prompt_tokens=tokens,
        context_length=most,
    )
