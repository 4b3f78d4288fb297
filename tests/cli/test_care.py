"""`hob models` adopt, rm, rename, alias, verify, import and recommend."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fakes import replies
from fakes.command_line import Cli
from fakes.fake_daemon import FakeDaemon
from fakes.terminal import Terminal
from hob.wire.base import ErrorInfo, ErrorReply
from hob.wire.library import (
    Adoptable,
    AdoptableList,
    Adopted,
    Imported,
    ImportFailed,
    ImportProgress,
    Recommendation,
    RecommendationList,
    Removed,
    Verified,
    VerifiedFile,
    VerifyFailed,
    VerifyProgress,
)
from hob.wire.models import ModelEntry

PROBLEM = ErrorInfo(code="bad_model_file", message="It is not\x1b[2J GGUF.", hint="Fetch another.")
ADOPT = "/hob/v1/models/adopt"


def adoptable(name: str, **changes: object) -> Adoptable:
    fields: dict[str, object] = {
        "program": "ollama", "name": name, "paths": ("/x",), "size_bytes": 2 * 10**9,
    }  # fmt: skip
    return Adoptable(**(fields | changes))  # type: ignore[arg-type]


def asked(daemon: FakeDaemon, verb: str) -> object:
    return daemon.requests_to(f"/hob/v1/models/{verb}")[-1].json


# ---- adopt ----


def test_models_of_other_programs_are_listed_with_how_to_link_them(
    daemon: FakeDaemon, cli: Cli
) -> None:
    models = (
        adoptable("llama3.2:3b"),
        adoptable("mis\x1b]0;xtral\x07", linked=True),
        adoptable("bad", problem=PROBLEM),
    )
    problems = (ErrorInfo(code="bad_model_file", message="Ollama's folder cannot be read."),)
    daemon.reply("GET", ADOPT, AdoptableList(models=models, problems=problems))
    ran = cli("models", "adopt")
    lines = ran.out.splitlines()
    assert lines[0].split() == ["PROGRAM", "NAME", "SIZE", "LINKED"]
    assert lines[1].split() == ["ollama", "llama3.2:3b", "2.0", "GB", "-"]
    assert lines[2].split() == ["ollama", "mis", "2.0", "GB", "yes"]
    assert "--all` the 1 that is not linked yet" in ran.out
    assert "  ollama  bad: It is not GGUF. Fetch another." in lines
    assert "Ollama's folder cannot be read." in ran.out
    assert "\x1b" not in ran.out
    assert len(json.loads(cli("models", "adopt", "--json").out)["models"]) == 3


def test_without_models_of_others_that_is_said(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.reply("GET", ADOPT, AdoptableList(models=()))
    assert cli("models", "adopt").out.startswith("No model of another program")


@pytest.mark.parametrize(("args", "models"), [(["--all"], []), (["ollama", "x"], ["ollama", "x"])])
def test_models_of_others_are_linked_by_name_or_all(
    daemon: FakeDaemon, cli: Cli, args: list[str], models: list[str]
) -> None:
    daemon.reply("POST", ADOPT, Adopted(models=(replies.model_info(),), failed={}))
    ran = cli("models", "adopt", *args)
    assert (ran.code, ran.out) == (0, "tiny is in the library (98.3 MB).\n")
    assert (asked(daemon, "adopt") or {}).get("models", []) == models  # type: ignore[attr-defined]


def test_what_could_not_be_linked_is_told_and_the_rest_is_linked(
    daemon: FakeDaemon, cli: Cli
) -> None:
    daemon.reply("POST", ADOPT, Adopted(models=(replies.model_info(),), failed={"bad": PROBLEM}))
    ran = cli("models", "adopt", "ollama")
    assert ran.code == 5
    assert "tiny is in the library" in ran.out
    assert "hob: bad: It is not GGUF. Fetch another.\n" in ran.err
    # Who wants all wants what can be had.
    assert cli("models", "adopt", "--all").code == 0


def test_when_all_is_linked_already_that_is_said(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.reply("POST", ADOPT, Adopted(models=(), failed={}))
    assert "nothing to link" in cli("models", "adopt", "--all").out
    assert cli("models", "adopt", "--all", "x").code == 2


# ---- rm ----


@pytest.fixture
def removable(daemon: FakeDaemon) -> FakeDaemon:
    entry = ModelEntry(info=replies.model_info(), state="available", chosen=False)
    daemon.reply("GET", "/hob/v1/models/ti", entry)
    removed = Removed(model="tiny", files=("/x/tiny.gguf",), trash=True, freed_bytes=0)
    daemon.reply("POST", "/hob/v1/models/rm", removed)
    return daemon


def test_a_model_goes_into_the_trash_by_its_full_name(removable: FakeDaemon, cli: Cli) -> None:
    ran = cli("models", "rm", "ti", "--yes")
    assert (ran.code, ran.out) == (0, "tiny is in the trash (1 file).\n")
    assert asked(removable, "rm") == {"model": "tiny"}


def test_a_script_must_say_that_a_model_goes_for_good(removable: FakeDaemon, cli: Cli) -> None:
    ran = cli("models", "rm", "ti", "--for-good")
    assert ran.code == 2
    assert "--yes" in ran.err
    assert removable.requests_to("/hob/v1/models/rm") == []
    assert cli("models", "rm", "ti", "--for-good", "-y").code == 0
    assert asked(removable, "rm") == {"model": "tiny", "for_good": True}


@pytest.mark.parametrize(("answer", "removed"), [("y\n", 1), ("n\n", 0), ("\n", 0)])
def test_on_a_terminal_it_asks_first(removable: FakeDaemon, answer: str, removed: int) -> None:
    with Terminal("models", "rm", "ti") as terminal:
        terminal.read_until("Put into the trash tiny (98.3 MB")
        terminal.press(answer)
        terminal.wait()
    assert len(removable.requests_to("/hob/v1/models/rm")) == removed


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"trash": False, "freed_bytes": 98_300_000}, "removed (1 file, 98.3 MB freed)"),
        ({"trash": False}, "removed (1 file)"),
        ({"files": ()}, "gone already"),
    ],
)
def test_what_became_of_a_model_is_told(
    removable: FakeDaemon, cli: Cli, changes: dict[str, object], told: str
) -> None:
    fields = {"model": "tiny", "files": ["/x"], "trash": True, "freed_bytes": 0} | changes
    removable.reply("POST", "/hob/v1/models/rm", fields)
    assert told in cli("models", "rm", "ti", "-y").out


# ---- rename and alias ----


def test_a_model_is_renamed_and_an_extra_name_is_told(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.reply("POST", "/hob/v1/models/rename", replies.model_info("cat:f32"))
    ran = cli("models", "rename", "tiny", "cat")
    assert "It is cat:f32 now, and cat means it" in ran.out
    assert asked(daemon, "rename") == {"model": "tiny", "to": "cat"}
    assert "means it" not in cli("models", "rename", "tiny", "cat:f32").out
    assert json.loads(cli("models", "rename", "tiny", "cat", "--json").out)["name"] == "cat:f32"


def test_a_name_that_is_taken_ends_with_a_reason(daemon: FakeDaemon, cli: Cli) -> None:
    error = ErrorInfo(code="name_taken", message="There is a cat.", hint="Take another.")
    daemon.reply("POST", "/hob/v1/models/rename", ErrorReply(error=error), status=409)
    ran = cli("models", "rename", "tiny", "cat")
    assert (ran.code, ran.err) == (2, "hob: There is a cat. Take another.\n")


def test_an_alias_is_given_and_taken_away(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.reply("POST", "/hob/v1/models/alias", {"model": "tiny"})
    assert cli("models", "alias", "cat", "ti").out == "cat means tiny.\n"
    assert asked(daemon, "alias") == {"alias": "cat", "model": "ti"}
    assert "nothing any more" in cli("models", "alias", "--remove", "cat").out
    assert asked(daemon, "alias") == {"alias": "cat", "model": ""}
    for wrong in (["cat"], ["cat", "tiny", "--remove"]):
        assert cli("models", "alias", *wrong).code == 2


# ---- verify ----


def verified(good: bool | None, **changes: object) -> Verified:
    file = VerifiedFile(path="/m/tiny.gguf", sha256="abc", expected="def", good=good)
    fields: dict[str, object] = {
        "model": "tiny", "sha256": "abc", "expected": "def", "source": "ollama", "good": good,
        "files": (file,), "hint": "Fetch it again.",
    }  # fmt: skip
    return Verified(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("good", "code", "told"),
    [
        (True, 0, "tiny is good: its digest is the one that Ollama's store tells."),
        (None, 0, "Nobody knows what the digest of tiny should be."),
        (False, 1, "tiny is BAD: its digest is not the one that Ollama's store tells."),
    ],
)
def test_the_verdict_on_a_file_is_told(
    daemon: FakeDaemon, cli: Cli, good: bool | None, code: int, told: str
) -> None:
    events = [VerifyProgress(done_bytes=1, total_bytes=2), verified(good)]
    daemon.stream("POST", "/hob/v1/models/verify", events)
    ran = cli("models", "verify", "tiny", "--online")
    assert ran.code == code
    assert ran.out.splitlines()[0] == told
    assert "sha256 abc  /m/tiny.gguf" in ran.out
    assert ("should be def" in ran.out) == (good is False)
    assert ran.out.endswith("Fetch it again.\n")
    assert asked(daemon, "verify") == {"model": "tiny", "online": True}
    assert json.loads(cli("models", "verify", "tiny", "--json").out)["good"] is good


def test_a_verification_that_fails_is_its_error(daemon: FakeDaemon, cli: Cli) -> None:
    error = ErrorInfo(code="model_not_found", message="It is gone.")
    daemon.stream("POST", "/hob/v1/models/verify", [VerifyFailed(error=error)])
    ran = cli("models", "verify", "tiny")
    assert (ran.code, ran.err) == (4, "hob: It is gone.\n")


# ---- import ----


@pytest.mark.parametrize(("args", "how"), [([], None), (["--link"], "link"), (["--move"], "move")])
def test_a_file_is_taken_in_by_its_absolute_path(
    daemon: FakeDaemon, cli: Cli, args: list[str], how: str | None
) -> None:
    events = [ImportProgress(done_bytes=1, total_bytes=2), Imported(model=replies.model_info())]
    daemon.stream("POST", "/hob/v1/models/import", events)
    ran = cli("models", "import", "x.gguf", *args)
    assert (ran.code, "tiny is in the library" in ran.out) == (0, True)
    body = {"path": str(Path.cwd() / "x.gguf")} | ({"how": how} if how else {})
    assert asked(daemon, "import") == body
    ran = cli("models", "import", "x.gguf", "--json")
    assert json.loads(ran.out)["name"] == "tiny"


def test_an_import_that_fails_is_its_error(daemon: FakeDaemon, cli: Cli) -> None:
    error = ErrorInfo(code="disk_full", message="The disk is full.", hint="Make room.")
    daemon.stream("POST", "/hob/v1/models/import", [ImportFailed(error=error)])
    ran = cli("models", "import", "x.gguf")
    assert (ran.code, ran.err) == (1, "hob: The disk is full. Make room.\n")


# ---- recommend ----


def recommended(**changes: object) -> Recommendation:
    fields: dict[str, object] = {
        "source": "hf:Qwen/Qwen3-8B-GGUF:Q4_K_M", "title": "Qwen3 8B", "purpose": "chat",
        "good_for": "good answers", "parameters": "8.2B", "size_bytes": 5_030_000_000,
        "license": "Apache-2.0", "need_bytes": 6_740_000_000, "fits": "cpu",
    }  # fmt: skip
    return Recommendation(**(fields | changes))  # type: ignore[arg-type]


def test_recommendations_tell_size_licence_use_and_the_very_command(
    daemon: FakeDaemon, cli: Cli
) -> None:
    models = (recommended(), recommended(title="Other", there="mine", fits="gpu"))
    found = RecommendationList(dated="2026-11-24", models=models)
    daemon.reply("GET", "/hob/v1/models/recommend", found)
    daemon.reply("GET", "/hob/v1/models/recommend?all=1", found)
    ran = cli("models", "recommend")
    assert ran.out.split("\n\n")[0].splitlines() == [
        "Qwen3 8B (chat)",
        "  good answers",
        "  8.2B parameters, 5.0 GB, license Apache-2.0; runs well on the CPU, takes 6.7 GB",
        "  hob models pull hf:Qwen/Qwen3-8B-GGUF:Q4_K_M",
    ]
    assert "  here already as mine" in ran.out
    assert "As of 2026-11-24" in ran.out
    assert cli("models", "recommend", "--all").out == ran.out
    assert json.loads(cli("models", "recommend", "--json").out)["dated"] == "2026-11-24"


def test_a_machine_that_is_too_small_is_told_so(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.reply("GET", "/hob/v1/models/recommend", {"dated": "2026-11-24", "models": []})
    assert "recommend --all" in cli("models", "recommend").out
