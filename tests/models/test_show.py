"""All that is told of one model."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from fakes.ports import model_info
from fakes.tiny_gguf import CHATML, tiny_tensors, tiny_vocabulary, write_split_gguf, write_tiny_gguf
from hob.errors import BadModelFile, OutOfMemory
from hob.models.folder.files import look
from hob.models.show import Inspector
from hob.wire.base import ErrorInfo
from hob.wire.fit import Fit
from hob.wire.library import ModelDetails
from hob.wire.models import ModelEntry
from hob.wire.profiles import Profile

FIT = Fit(
    model="tiny",
    verdict="cpu",
    context_length=256,
    whole_context_length=256,
    kv_type="f16",
    gpu_layers=0,
    layers=3,
    needs=(),
    devices=(),
)


def entry(path: Path, **changes: object) -> ModelEntry:
    info = msgspec.structs.replace(model_info("tiny"), path=str(path), **changes)
    return ModelEntry(info=info, state="available", chosen=False)


async def told(path: Path, **changes: object) -> ModelDetails:
    nothing = Inspector(digest=lambda _: None, fit=lambda _: None, profile=lambda _: None)
    return await nothing.details(entry(path, **changes))


async def test_every_line_of_the_header_is_told_with_its_type(tmp_path: Path) -> None:
    changes = {"general.tags": ["a", "b"], "llama.feed_forward_length": [64, 32]}
    details = await told(write_tiny_gguf(tmp_path / "a.gguf", changes))
    lines = {line.key: (line.kind, line.value) for line in details.metadata}
    assert lines["general.architecture"] == ("string", "llama")
    assert lines["llama.block_count"] == ("uint32", "2")
    assert lines["llama.attention.layer_norm_rms_epsilon"] == ("float32", "1e-05")
    assert lines["general.tags"] == ("string[2]", "")
    assert lines["llama.feed_forward_length"] == ("int32[2]", "64, 32")
    assert lines["tokenizer.ggml.scores"] == (f"float32[{len(tiny_vocabulary())}]", "")


async def test_lines_are_short_and_harmless_and_the_template_is_whole(tmp_path: Path) -> None:
    template = CHATML + "{# long #}" * 1_000 + "\n{# \x1b[31m #}"
    changes = {
        "tokenizer.chat_template": template,
        "general.description": "line\n\x1b]0;title\x07 " + "x" * 5_000,
        "evil\x1b[31mkey": 1,
    }
    details = await told(write_tiny_gguf(tmp_path / "a.gguf", changes))
    assert details.template == template
    assert all((line.key + line.value).isprintable() for line in details.metadata)
    assert max(len(line.value) for line in details.metadata) < 600
    description = next(line for line in details.metadata if line.key == "general.description")
    assert description.value.endswith(" ...")


async def test_the_tensors_of_all_parts_are_summed_by_type(tmp_path: Path) -> None:
    paths = write_split_gguf(tmp_path, "tiny")
    details = await told(paths[0], files=tuple(map(str, paths)))
    [group] = details.tensors
    weights = [look(str(path)).about.weight_bytes or 0 for path in paths]
    assert (group.kind, group.count) == ("F32", len(tiny_tensors()))
    assert group.size_bytes == group.elements * 4 == sum(weights)


async def test_a_file_that_is_no_model_or_gone_tells_nothing(tmp_path: Path) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(b"<html>")
    problem = ErrorInfo.of(BadModelFile("It is a web page."))
    for broken in (path, tmp_path / "gone.gguf", tmp_path):
        details = await told(broken, problem=problem)
        assert (details.metadata, details.tensors, details.template) == ((), (), "")


async def test_a_pipe_in_place_of_the_file_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    os.mkfifo(path)
    assert not (await told(path)).metadata


async def test_what_the_rest_of_the_daemon_knows_is_told(tmp_path: Path) -> None:
    profile = Profile(name="tiny", model="tiny")
    inspector = Inspector(
        digest=lambda name: (f"digest of {name}", "download"),
        fit=lambda _: FIT,
        profile=lambda _: profile,
    )
    details = await inspector.details(entry(write_tiny_gguf(tmp_path / "a.gguf")))
    assert (details.sha256, details.digest_from) == ("digest of tiny", "download")
    assert details.fit == FIT
    assert details.profile == profile


async def test_a_model_that_cannot_be_planned_is_shown_all_the_same(tmp_path: Path) -> None:
    def fit(_: str) -> Fit:
        raise OutOfMemory("It does not fit.")

    inspector = Inspector(digest=lambda _: None, fit=fit, profile=lambda _: None)
    details = await inspector.details(entry(write_tiny_gguf(tmp_path / "a.gguf")))
    assert details.fit is None
    assert details.metadata


def test_a_model_keeps_its_id_under_another_name(tmp_path: Path) -> None:
    first = look(str(write_tiny_gguf(tmp_path / "a.gguf"))).about
    again = look(str(write_tiny_gguf(tmp_path / "sub" / "b.gguf"))).about
    other = look(str(write_tiny_gguf(tmp_path / "c.gguf", {"general.name": "Tiny Lama "}))).about
    assert first.fingerprint == again.fingerprint
    assert len(first.fingerprint) == 16
    assert other.fingerprint != first.fingerprint
