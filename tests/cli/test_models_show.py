"""`hob models show`."""

from __future__ import annotations

import json

import msgspec
import pytest

from fakes import replies
from fakes.command_line import Cli
from fakes.fake_daemon import FakeDaemon
from hob.cli.models.show import describe, template_text
from hob.wire.fit import Fit, Need
from hob.wire.library import Metadatum, ModelDetails, TensorGroup
from hob.wire.models import Copying, ModelEntry
from hob.wire.profiles import Profile

DETAILS = ModelDetails(
    entry=ModelEntry(info=replies.model_info(weight_bytes=95), state="warm", chosen=True),
    metadata=(Metadatum("general.name", "string", "Tiny"), Metadatum("a.b", "uint32", "7")),
    tensors=(TensorGroup("Q4_1", 30, 1_000, 500), TensorGroup("F32", 2, 10, 40)),
    template="{{ messages }}\n{{ x }}",
    sha256="ab" * 32,
    digest_from="download",
    fit=None,
    profile=None,
)
FIT = Fit(
    model="tiny",
    verdict="cpu",
    context_length=4096,
    whole_context_length=8192,
    kv_type="f16",
    gpu_layers=0,
    layers=30,
    needs=(Need("cpu", weight_bytes=2_000_000),),
    devices=(),
    why="The setting limits the context.",
)


@pytest.fixture
def shown(daemon: FakeDaemon) -> FakeDaemon:
    daemon.reply("POST", "/hob/v1/models/show", DETAILS)
    return daemon


def test_the_page_tells_what_the_file_says(shown: FakeDaemon, cli: Cli) -> None:
    ran = cli("models", "show", "tin")
    assert shown.requests_to("/hob/v1/models/show")[0].json == {"model": "tin"}
    lines = [line.split() for line in ran.out.splitlines()]
    assert lines[0] == ["tiny"]
    assert ["weights", "95", "bytes"] in lines
    assert ["sha256", "ab" * 32, "(from", "download)"] in lines
    assert ["template", "its", "own,", "2", "lines:", "--template"] in lines
    assert ["Q4_1", "30", "1.0k", "500", "B"] in lines
    assert ["Its", "header", "has", "2", "lines:", "--metadata."] in lines


def test_the_template_alone_comes_as_it_is(shown: FakeDaemon, cli: Cli) -> None:
    assert cli("models", "show", "tiny", "--template").out == "{{ messages }}\n{{ x }}\n"


def test_a_template_cannot_command_the_terminal() -> None:
    evil = msgspec.structs.replace(DETAILS, template="{# \x1b]52;c;eA==\x07 #}ok")
    assert template_text(evil, for_terminal=True) == "{#  #}ok"
    assert template_text(evil, for_terminal=False) == evil.template


def test_without_a_template_it_says_so(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.reply("POST", "/hob/v1/models/show", msgspec.structs.replace(DETAILS, template=" "))
    ran = cli("models", "show", "tiny", "--template")
    assert ran.code != 0
    assert "has no chat template" in ran.err


def test_the_metadata_is_a_table(shown: FakeDaemon, cli: Cli) -> None:
    lines = cli("models", "show", "tiny", "--metadata").out.splitlines()
    assert lines[0].split() == ["KEY", "TYPE", "VALUE"]
    assert lines[2].split() == ["a.b", "uint32", "7"]


def test_json_is_all_of_it(shown: FakeDaemon, cli: Cli) -> None:
    told = json.loads(cli("models", "show", "tiny", "--json").out)
    assert told["template"] == DETAILS.template
    assert len(told["metadata"]) == 2


def test_what_fits_and_what_is_set_are_told() -> None:
    profile = Profile(name="tiny", model="tiny", path="/p.toml", system="Be\nbrief.")
    page = describe(msgspec.structs.replace(DETAILS, fit=FIT, profile=profile))
    assert "on the CPU, with 4096 tokens of context in 2.0 MB" in page
    assert "The setting limits the context." in page
    assert "/p.toml" in page
    assert "Be brief." in page
    no = msgspec.structs.replace(FIT, verdict="no", why="It needs more.")
    assert "not now" in describe(msgspec.structs.replace(DETAILS, fit=no))


def test_a_file_that_is_being_copied_tells_how_far_it_is() -> None:
    info = replies.model_info(copying=Copying(done_bytes=2_000_000, total_bytes=8_000_000))
    entry = ModelEntry(info=info, state="copying", chosen=False)
    page = describe(msgspec.structs.replace(DETAILS, entry=entry, metadata=(), tensors=()))
    assert "copying, 2.0 MB of 8.0 MB" in page


def test_strange_texts_cannot_command_the_terminal() -> None:
    info = replies.model_info("a\x1b]52;c;eA==\x07b\nc", title="\x1b[2Jt", license="x\x9b2J")
    entry = ModelEntry(info=info, state="warm", chosen=False)
    profile = Profile(name="x", model="x", system="\x1b[2J", path="/\x1b[2J")
    evil = msgspec.structs.replace(
        DETAILS,
        entry=entry,
        sha256="\x1b[2J",
        tensors=(TensorGroup("\x1b[2J", 1, 1, 1),),
        profile=profile,
        fit=msgspec.structs.replace(FIT, why="\x1b[2J"),
    )
    assert not set(describe(evil)) & {"\x1b", "\x9b", "\x07"}
