"""What `hob models` says of copies, of crashed models and of folders that cannot be watched."""

from __future__ import annotations

from fakes import replies
from fakes.command_line import Cli
from fakes.fake_daemon import FakeDaemon
from hob.errors import ModelCopying
from hob.wire.base import ErrorInfo
from hob.wire.models import Copying, ModelEntry, ModelList


def test_a_copy_is_listed_with_how_far_it_is(daemon: FakeDaemon, cli: Cli) -> None:
    problem = ErrorInfo.of(ModelCopying("It is still being copied."))
    ways = {
        "half": Copying(done_bytes=50_000_000, total_bytes=100_000_000),
        "new": Copying(done_bytes=7),
    }
    entries = tuple(
        ModelEntry(
            info=replies.model_info(name, problem=problem, copying=way),
            state="copying",
            chosen=False,
        )
        for name, way in ways.items()
    )
    daemon.reply("GET", "/hob/v1/models", ModelList(models=entries, folder="/x"))
    out = cli("models").out
    assert "half: 50.0 MB of 100 MB (50 %)" in out
    assert "new: 7 B" in out
    assert "cannot be loaded" not in out


def test_what_keeps_changes_from_being_seen_is_said(daemon: FakeDaemon, cli: Cli) -> None:
    warning = ErrorInfo(
        code="model_error", message="No watches\x1b[31m are left.", hint="Get more."
    )
    listing = ModelList(models=(), folder="/x", warnings=(warning,))
    daemon.reply("GET", "/hob/v1/models", listing)
    out = cli("models").out
    assert "Note: No watches" in out
    assert "are left. Get more." in out
    assert "\x1b" not in out


def test_a_model_is_forgiven(daemon: FakeDaemon, cli: Cli) -> None:
    entry = ModelEntry(info=replies.model_info("tiny"), state="available", chosen=False)
    daemon.reply("POST", "/hob/v1/models/forgive", entry)
    assert "tiny may be loaded again" in cli("models", "forgive", "tiny").out


def test_a_model_that_is_bad_for_another_reason_stays_so(daemon: FakeDaemon, cli: Cli) -> None:
    info = replies.model_info("tiny", problem=replies.BAD_FILE)
    daemon.reply("POST", "/hob/v1/models/forgive", ModelEntry(info=info, state="bad", chosen=False))
    assert "tiny cannot be loaded: The file broken.gguf" in cli("models", "forgive", "tiny").out
