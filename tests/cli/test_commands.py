from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest

from fakes import replies
from fakes.command_line import Cli
from fakes.fake_daemon import FakeDaemon
from hob.cli.access import environment, export_line
from hob.cli.app import SECTIONS, LazyGroup, hob
from hob.cli.formatting import duration, parameters, size, table
from hob.cli.serve import parse_settings
from hob.cli.status import describe
from hob.errors import ConfigError
from hob.wire.base import ErrorInfo, ErrorReply
from hob.wire.engine import Placement
from hob.wire.models import LoadCancelled, ModelEntry
from hob.wire.status import TokenReply


def all_commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from all_commands(command, (*path, name))


ALL = list(all_commands(hob))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_explains_itself(cli: Cli, path: tuple[str, ...]) -> None:
    ran = cli(*path, "--help")
    assert ran.code == 0
    assert f"Usage: hob {' '.join(path)}" in ran.out
    assert cli("help", *path).out == ran.out


def test_the_overview_and_the_commands_say_the_same_names() -> None:
    context = click.Context(hob)
    for commands in SECTIONS.values():
        for name in commands:
            command = LazyGroup.get_command(hob, context, name)
            assert command is not None
            assert command.name == name


def test_the_overview_names_every_command_and_imports_none() -> None:
    code = (
        "import sys; from hob.cli.app import run; run(['--help']);"
        "print([m for m in sys.modules if m.startswith('hob.cli.')], file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for commands in SECTIONS.values():
        for name in commands:
            assert f"  {name} " in ran.stdout
    overview = {"hob.cli.app", "hob.cli.exit_codes", "hob.cli.plugins", "hob.cli.plugins.commands"}
    assert set(eval(ran.stderr)) == overview


HEAVY = ["rich", "aiohttp", "asyncio", "prompt_toolkit", "ssl", "email", "http", "platformdirs"]


def test_status_imports_nothing_heavy(daemon: FakeDaemon) -> None:
    code = (
        "import sys; from hob.cli.app import run; code = run(['status']);"
        "print(*sys.modules, file=sys.stderr); sys.exit(code)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "tiny: warm since" in ran.stdout
    assert set(HEAVY) & set(ran.stderr.split()) == set()


def test_the_exit_codes_can_be_looked_up(cli: Cli) -> None:
    assert " 130  interrupted" in cli("help", "exit-codes").out
    assert "exit-codes" in cli("--help").out


def test_the_version_is_told_both_ways(cli: Cli) -> None:
    assert cli("--version").out == cli("version").out
    assert cli("version").out.startswith("hob ")


@pytest.mark.parametrize("args", [["nonsense"], ["ask", "--nonsense"], ["help", "nonsense"]])
def test_a_wrong_command_line_is_one_sentence(cli: Cli, args: list[str]) -> None:
    ran = cli(*args)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("hob: ")
    assert "nonsense" in ran.err
    assert "--help` shows" in ran.err
    assert ran.err.count("\n") == 1


def test_hob_alone_shows_what_there_is(cli: Cli) -> None:
    ran = cli()
    assert ran.code == 2
    assert "Usage: hob" in ran.err


def test_an_unforeseen_failure_is_one_sentence_and_its_traceback_is_kept(
    daemon: FakeDaemon, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("hob.cli.status.describe", fail)
    ran = cli("status")
    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert "Traceback" not in ran.err
    crash = daemon.socket_path.parent.parent / "logs" / "crash.log"
    assert str(crash) in ran.err
    assert "RuntimeError: a bug" in crash.read_text()
    assert crash.stat().st_mode & 0o077 == 0


def test_status_tells_what_is_warm_where_and_how_fast(daemon: FakeDaemon, cli: Cli) -> None:
    ran = cli("status")
    assert ran.code == 0
    for told in (
        "pid 1234",
        "tiny: warm since",
        "210 MB resident (model 98.0 MB, KV cache 47.0 MB)",
        "CPU, 2 threads",
        "4096 tokens",
        "trained for 8192",
        "95 tokens per second",
        "hob api on",
    ):
        assert told in ran.out


def test_status_as_json_is_the_daemons_own(daemon: FakeDaemon, cli: Cli) -> None:
    assert json.loads(cli("status", "--json").out)["workers"][0]["model"] == "tiny"


def test_status_without_a_daemon_ends_with_3_and_starts_none(cli: Cli) -> None:
    assert cli("status").code == 3
    assert cli("status").code == 3


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"state": "starting", "warm_since": None, "load_fraction": 0.4}, "loading, 40%"),
        ({"state": "down", "warm_since": None, "problem": replies.BAD_FILE}, "Download it again"),
        ({"restarts": 2}, "restarts  2"),
        ({"tokens_per_second": None}, "tiny: warm"),
        ({"live_requests": 1, "waiting_requests": 2}, "1 in progress, 2 waiting in line"),
        ({"prompt_tokens": 200, "cached_tokens": 150}, "75% of what was asked"),
    ],
)
def test_status_tells_every_state_of_a_worker(changes: dict[str, object], told: str) -> None:
    status = replies.status(workers=(replies.worker(**changes),))
    assert told in "\n".join(describe(status, 2_000.0))


def test_status_tells_how_many_layers_are_on_which_gpu() -> None:
    def shown(layers_on_gpu: int) -> str:
        placement = Placement(device="H200", layers=30, layers_on_gpu=layers_on_gpu)
        loaded = msgspec.structs.replace(replies.LOADED, placement=placement)
        workers = (replies.worker(loaded=loaded),)
        return "\n".join(describe(replies.status(workers=workers), 2_000.0))

    assert "H200, all 30 layers" in shown(30)
    assert "H200 with 12 of 30 layers" in shown(12)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kind": "embedding", "embedding_length": 384}, "makes embeddings of 384 numbers"),
        ({"kind": "reranking"}, "ranks documents"),
        ({"media": ("image", "audio")}, "sees images, hears sounds"),
        (
            {"placement": Placement(device="CPU", layers=9, layers_on_gpu=0, why="No GPU.\x1b[2J")},
            "No GPU.",
        ),
    ],
)
def test_status_tells_what_a_model_is_for_and_why_it_is_where_it_is(
    changes: dict[str, Any], told: str
) -> None:
    loaded = msgspec.structs.replace(replies.LOADED, **changes)
    status = replies.status(workers=(replies.worker(loaded=loaded),))
    lines = "\n".join(describe(status, 2_000.0))
    assert told in lines
    assert "\x1b" not in lines


def test_status_tells_what_to_do_without_a_model_or_a_choice() -> None:
    none = replies.status(workers=(), model_count=0, chosen="")
    assert "hob models pull starter" in "\n".join(describe(none, 1.0))
    unchosen = replies.status(workers=(), model_count=2, chosen="")
    assert "hob use NAME" in "\n".join(describe(unchosen, 1.0))


def test_models_are_listed_with_bad_files_and_their_reason(daemon: FakeDaemon, cli: Cli) -> None:
    ran = cli("models")
    assert ran.out == cli("models", "list").out
    lines = ran.out.splitlines()
    assert lines[0].split() == [
        "NAME",
        "ARCH",
        "PARAMS",
        "QUANT",
        "SIZE",
        "CONTEXT",
        "FIT",
        "STATE",
    ]
    assert lines[1].split() == [
        "*",
        "tiny",
        "llama",
        "135M",
        "Q4_1",
        "98.3",
        "MB",
        "8192",
        "-",
        "warm",
    ]
    assert "broken: The file broken.gguf ends inside its header. Download it again." in ran.out
    assert json.loads(cli("models", "--json").out)["models"][0]["info"]["name"] == "tiny"


def test_a_file_name_cannot_command_the_terminal_or_break_the_table(
    daemon: FakeDaemon, cli: Cli
) -> None:
    info = replies.model_info("a\x1b]52;c;eA==\x07b\nc", title="\x1b[2Jt")
    entry = ModelEntry(info=info, state="available", chosen=False)
    daemon.reply("GET", "/hob/v1/models", {"models": [entry], "folder": "/x"})
    assert "  ab c  llama" in cli("models").out


def test_models_are_loaded_unloaded_chosen_and_read_again(daemon: FakeDaemon, cli: Cli) -> None:
    for action in ("load", "unload", "use"):
        daemon.reply("POST", f"/hob/v1/models/{action}", replies.worker())
    daemon.reply("GET", "/hob/v1/models?rescan=1", replies.model_list())
    assert "tiny is warm" in cli("models", "load", "tiny").out
    assert "tiny is unloaded" in cli("models", "unload", "tiny").out
    assert "stays so" in cli("models", "use", "tiny").out
    assert "stays so" in cli("use", "tiny").out
    assert "2 models in" in cli("models", "rescan").out


@pytest.mark.parametrize("cancelled", [True, False])
def test_a_load_is_cut_short(daemon: FakeDaemon, cli: Cli, cancelled: bool) -> None:
    reply = LoadCancelled(model="tiny", cancelled=cancelled)
    daemon.reply("POST", "/hob/v1/models/cancel", reply)
    ran = cli("models", "cancel", "tiny")
    assert ran.out == f"{'The load was' if cancelled else 'There is no load to'} cut short.\n"


def test_an_unknown_model_ends_with_4(daemon: FakeDaemon, cli: Cli) -> None:
    error = ErrorInfo(code="model_not_found", message="There is no x.", hint="There is tiny.")
    daemon.reply("POST", "/hob/v1/models/use", ErrorReply(error=error), status=404)
    ran = cli("use", "x")
    assert (ran.code, ran.err) == (4, "hob: There is no x. There is tiny.\n")


def test_the_api_is_opened_closed_and_told(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.reply("POST", "/hob/v1/api", replies.api_status("http://127.0.0.1:5000"))
    assert "http://127.0.0.1:5000" in cli("api", "on", "--port", "5000", "--token-file").out
    asked = daemon.requests_to("/hob/v1/api")[0].json
    assert asked == {"enabled": True, "port": 5000, "allow_file": True}
    assert "off" in cli("api", "off").out
    daemon.reply("GET", "/hob/v1/api", replies.api_status("http://127.0.0.1:5000"))
    assert cli("api").out == cli("api", "status").out
    assert "http://127.0.0.1:5000" in cli("api").out


def test_an_api_that_did_not_open_is_an_error(daemon: FakeDaemon, cli: Cli) -> None:
    problem = ErrorInfo(code="secret_store_unavailable", message="No keyring.", hint="Do.")
    daemon.reply("POST", "/hob/v1/api", replies.api_status(problem=problem))
    ran = cli("api", "on")
    assert (ran.code, ran.err) == (6, "hob: No keyring. Do.\n")


@pytest.mark.parametrize("port", ["0", "70000", "-1", "http"])
def test_a_port_that_is_none_is_a_wrong_command_line(cli: Cli, port: str) -> None:
    assert cli("api", "on", "--port", port).code == 2


def test_the_token_alone_is_on_stdout(daemon: FakeDaemon, cli: Cli) -> None:
    reply = TokenReply(token="abc", where="keyring", address="")
    daemon.reply("GET", "/hob/v1/token", reply)
    daemon.reply("POST", "/hob/v1/token/rotate", reply)
    assert cli("token").out == "abc\n"
    ran = cli("token", "--rotate")
    assert (ran.out, "keyring" in ran.err) == ("abc\n", True)


def test_env_prints_what_openai_clients_read(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.reply("GET", "/hob/v1/api", replies.api_status("http://127.0.0.1:4662"))
    daemon.reply("GET", "/hob/v1/token", TokenReply(token="a'b", where="file", address=""))
    assert cli("env", "--shell", "sh").out == (
        "export OPENAI_BASE_URL=http://127.0.0.1:4662/v1\n" + "export OPENAI_API_KEY='a'\"'\"'b'\n"
    )
    assert json.loads(cli("env", "--json").out)["OPENAI_API_KEY"] == "a'b"


def test_env_without_the_api_prints_nothing_to_evaluate(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.reply("GET", "/hob/v1/api", replies.api_status())
    ran = cli("env")
    assert (ran.code, ran.out) == (6, "")
    assert "hob api on" in ran.err


def test_the_base_url_has_its_v1_once() -> None:
    for address in ("http://h:1", "http://h:1/", "http://h:1/v1"):
        found = environment(replies.api_status(address), lambda: "t")
        assert found["OPENAI_BASE_URL"] == "http://h:1/v1"
    with pytest.raises(ConfigError):
        environment(replies.api_status(), lambda: "t")


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("sh", """export K='it'"'"'s'"""),
        ("fish", "set -gx K 'it\\'s'"),
        ("powershell", "$env:K = 'it''s'"),
        ("cmd", 'set "K=it\'s"'),
    ],
)
def test_each_shell_gets_its_own_quotes(shell: str, line: str) -> None:
    assert export_line(shell, "K", "it's") == line


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_complete_hob(cli: Cli, shell: str) -> None:
    ran = cli("completion", shell)
    assert ran.code == 0
    assert "_HOB_COMPLETE" in ran.out


def test_model_names_complete_from_the_daemon(
    daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from hob.cli.app import run

    monkeypatch.setenv("_HOB_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "hob use t")
    monkeypatch.setenv("COMP_CWORD", "2")
    with pytest.raises(SystemExit):
        run([])
    assert capsys.readouterr().out.split() == ["plain,tiny"]


def test_completing_a_model_name_does_not_start_the_daemon(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from hob.cli.app import run

    monkeypatch.setenv("_HOB_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "hob use ")
    monkeypatch.setenv("COMP_CWORD", "2")
    with pytest.raises(SystemExit):
        run([])
    assert capsys.readouterr().out.strip() == ""
    assert not (home / "run").exists()


def test_settings_of_one_run_are_pairs() -> None:
    assert parse_settings(("a.b=1", "c=x=y", "d=")) == {"a.b": "1", "c": "x=y", "d": ""}
    for wrong in ("a", "=1", ""):
        with pytest.raises(click.BadParameter):
            parse_settings((wrong,))


def test_figures_read_as_people_write_them() -> None:
    assert [size(n) for n in (0, 999, 1000, 98_300_000, 999_960_000, 5 * 10**12)] == [
        "0 B", "999 B", "1.0 kB", "98.3 MB", "1.0 GB", "5.0 TB",
    ]  # fmt: skip
    assert [parameters(n) for n in (None, 12, 134_515_008, 1_700_000_000, 70 * 10**9)] == [
        "-", "12", "135M", "1.7B", "70B",
    ]  # fmt: skip
    assert [duration(s) for s in (-1, 0.34, 12, 61, 7500, 300_000)] == [
        "0.0 s", "0.3 s", "12 s", "1 min", "2 h 5 min", "3 days",
    ]  # fmt: skip
    assert table(("A", "N"), [("x", "1"), ("long", "10")], right=(1,)) == (
        "A      N\nx      1\nlong  10"
    )


def test_a_restart_with_a_wrong_setting_leaves_the_daemon_running(
    daemon: FakeDaemon, cli: Cli
) -> None:
    ran = cli("restart", "--set", "engine.slots=many")
    assert ran.code == 6
    assert "engine.slots" in ran.err
    assert daemon.requests_to("/hob/v1/stop") == []


def test_up_says_that_settings_come_too_late_for_a_daemon_that_runs(
    daemon: FakeDaemon, cli: Cli
) -> None:
    ran = cli("up", "--no-wait", "--set", "engine.slots=2")
    assert ran.code == 0
    assert "hob restart --set" in ran.err
