"""`hob models profiles` and `hob models profile`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fakes import replies
from fakes.command_line import Cli
from fakes.fake_daemon import FakeDaemon
from hob.cli.models.group import describe_list
from hob.cli.models.profiles import describe
from hob.wire.base import ErrorInfo
from hob.wire.chat import ChatMessage
from hob.wire.models import ModelEntry, ModelList
from hob.wire.profiles import Profile, ProfileAdapter, ProfileList

LIST = "/hob/v1/models/profiles?rescan=1"
BAD = ErrorInfo(code="profile_invalid", message="top_p = 3 is not allowed.", hint="Less.")


def profile(name: str = "writer", **said: Any) -> Profile:
    return Profile(**{"name": name, "model": "tiny", "path": f"/m/{name}.toml"} | said)


@pytest.fixture
def known(daemon: FakeDaemon) -> FakeDaemon:
    daemon.reply(
        "GET",
        LIST,
        ProfileList(
            profiles=(
                profile(system="You are a writer.", served_by="tiny"),
                profile("poet", description="Rhymes", warnings=("Line 2: no.",)),
                profile("tiny"),
                profile("bad", problem=BAD),
            )
        ),
    )
    return daemon


def test_profiles_are_listed_with_what_is_wrong(known: FakeDaemon, cli: Cli) -> None:
    lines = cli("models", "profiles").out.splitlines()
    assert lines[0].split() == ["NAME", "MODEL", "ABOUT"]
    assert lines[1].split(maxsplit=2) == ["writer", "tiny", "You are a writer."]
    assert lines[2].split(maxsplit=2) == ["poet", "tiny", "Rhymes (1 warning)"]
    assert lines[3].split(maxsplit=2) == ["tiny", "tiny", "sets its defaults"]
    assert lines[-1] == "  bad: top_p = 3 is not allowed. Less."
    listed = json.loads(cli("models", "profiles", "--json").out)
    assert [one["name"] for one in listed["profiles"]] == ["writer", "poet", "tiny", "bad"]


def test_without_any_the_command_that_writes_one_is_told(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.reply("GET", LIST, ProfileList(profiles=()))
    assert "hob models profile new NAME --model MODEL" in cli("models", "profiles").out


@pytest.mark.parametrize("command", [("profile",), ("profile", "show")])
def test_a_profile_is_shown_by_its_name(
    known: FakeDaemon, cli: Cli, command: tuple[str, ...]
) -> None:
    out = cli("models", *command, "writer").out
    assert out.splitlines()[0] == "writer"
    assert "    You are a writer." in out
    assert json.loads(cli("models", *command, "poet", "--json").out)["description"] == "Rhymes"


def test_a_part_of_a_name_will_do(known: FakeDaemon, cli: Cli) -> None:
    entry = ModelEntry(info=replies.model_info("writer"), state="available", chosen=False)
    known.reply("GET", "/hob/v1/models/wri", entry)
    assert cli("models", "profile", "wri").out.startswith("writer\n")


def test_a_model_without_a_profile_is_told_how_to_get_one(known: FakeDaemon, cli: Cli) -> None:
    entry = ModelEntry(info=replies.model_info("big"), state="available", chosen=False)
    known.reply("GET", "/hob/v1/models/big", entry)
    ran = cli("models", "profile", "big")
    assert ran.code == 4
    assert "hob models profile new NAME --model big" in ran.err


def test_everything_that_a_profile_says_is_shown() -> None:
    full = profile(
        description="Writes",
        system="One\nTwo",
        examples=(ChatMessage(role="user", content="x"),),
        sampling={"temperature": 0.5},
        max_tokens=9,
        stop=("a", "\n"),
        context_length=4096,
        kv_type="q8_0",
        template="{% if x %}\n{% endif %}",
        adapters=(ProfileAdapter(name="style", scale=0.5),),
        priority="background",
        keep_alive=-1.0,
        reasoning_effort="low",
        warnings=("Line 3: no.",),
    )
    lines = [line.split(maxsplit=1) for line in describe(full).splitlines()]
    assert lines == [
        ["writer"],
        ["model", "tiny"],
        ["file", "/m/writer.toml"],
        ["about", "Writes"],
        ["worker", "its own"],
        ["max", "tokens    9"],
        ["stop", '["a","\\n"]'],
        ["context", "4096"],
        ["kv", "type       q8_0"],
        ["template", "a text of its own"],
        ["adapters", "style at 0.5"],
        ["priority", "background"],
        ["keep", "alive    for good"],
        ["reasoning", "low"],
        ["examples", "1 messages"],
        ["temperature", "0.5"],
        ["warning", "Line 3: no."],
        ["system"],
        ["One"],
        ["Two"],
    ]


def test_what_a_file_says_cannot_command_the_terminal() -> None:
    evil = "\x1b]52;c;eA==\x07"
    full = profile(f"a{evil}", model=evil, system=evil, description=evil, path=evil, stop=(evil,))
    assert "\x1b" not in describe(full)


def test_a_new_profile_is_written_by_the_daemon_and_its_place_printed(
    daemon: FakeDaemon, cli: Cli
) -> None:
    daemon.reply("POST", "/hob/v1/models/profiles/new", profile())
    ran = cli("models", "profile", "new", "writer", "--model", "tiny", "--system", "Write.")
    assert ran.out == "/m/writer.toml\n"
    assert ran.err == "writer is made of tiny.\n"
    (asked,) = daemon.requests_to("/hob/v1/models/profiles/new")
    assert asked.json == {"name": "writer", "model": "tiny", "system": "Write."}


def test_the_list_of_models_shows_what_a_profile_is_made_of() -> None:
    info = replies.model_info("writer", base="tiny")
    entry = ModelEntry(info=info, state="available", chosen=False)
    assert "writer (of tiny)" in describe_list(ModelList(models=(entry,), folder="/m"))
