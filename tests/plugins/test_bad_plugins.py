"""Bad plugins: each is named, and the others go on working."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fakes import bad_plugins as bad
from fakes.plugin_driver import Driver, error_of, text_of
from hob.wire.plugin_host import Misbehaved, Tell
from hob.wire.plugins import ActionProgress


def the_good_one_works(host: Driver) -> None:
    assert text_of(host.run("good")) == "good"


def test_what_cannot_be_loaded_is_listed_with_its_reason(tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    for name, (code, _) in bad.NOT_LOADED.items():
        (folder / f"{name}.py").write_text(code)
    (folder / "zz_good.py").write_text(bad.GOOD)
    with Driver(tmp_path) as host:
        host.plugin("zz_good", "on")
        the_good_one_works(host)
        for name, (_, words) in bad.NOT_LOADED.items():
            problem = host.plugin(name, "failed").problem
            assert problem is not None
            for word in words:
                assert word in problem.message, f"{name}: {problem.message}"
            told = host.wait(Misbehaved, lambda m, name=name: m.plugin == name)  # type: ignore[misc]
            assert told.error == problem


def test_files_that_must_not_be_loaded_are_not(tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    mark = tmp_path / "loaded"
    code = f"open({str(mark)!r}, 'w')\n"
    (folder / "Bad Name!.py").write_text(code)
    (folder / "public.py").write_text(code)
    (folder / "public.py").chmod(0o666)
    (folder / "huge.py").write_text(code + "#" * (2 * 2**20))
    Path(os.fsdecode(os.fsencode(folder / "x") + b"\xff.py")).write_text(code)
    (folder / "loop.py").symlink_to("loop.py")
    (folder / "zz_good.py").write_text(bad.GOOD)
    with Driver(tmp_path) as host:
        host.plugin("zz_good", "on")
        for name, word in (
            ("Bad Name!", "name"),
            ("public", "others"),
            ("huge", "bytes"),
            ("x\N{REPLACEMENT CHARACTER}", "name"),
        ):
            problem = host.plugin(name, "failed").problem
            assert problem is not None
            assert word in problem.message
        the_good_one_works(host)
    assert not mark.exists()


@pytest.mark.parametrize("name", bad.HARMLESS)
def test_what_it_does_to_the_process_does_not_hurt_the_others(name: str, tmp_path: Path) -> None:
    with Driver(tmp_path) as host:
        host.write("good.py", bad.GOOD)
        host.plugin("good", "on")
        act = bad.ACTIONS + "[Action('own', 'Own', lambda run: 'own')]\n"
        host.write(f"{name}.py", bad.HARMLESS[name] + ("" if name == "awaited" else act))
        host.plugin(name, "on")
        the_good_one_works(host)
        if name != "awaited":
            assert text_of(host.run("own")) == "own"
        # Needs what is imported late.
        assert host.manage("disable", name) is None
        host.plugin(name, "off")
        assert host.manage("reload", "good") is None
        the_good_one_works(host)


def test_a_plugin_that_hangs_while_it_is_imported_holds_up_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "hangs.py").write_text("while True: pass\n")
    (folder / "zz_good.py").write_text(bad.GOOD)
    with Driver(tmp_path) as host:
        host.plugin("hangs", "loading")
        the_good_one_works(host)
        assert [one.plugin for one in host.inside()] == ["hangs"]


def test_two_of_one_name_are_not_both_loaded(tmp_path: Path) -> None:
    with Driver(tmp_path) as host:
        host.write("prompt.py", bad.GOOD)
        listed = host.catalogue(lambda c: len([p for p in c.plugins if p.name == "prompt"]) == 2)
        first, second = (p for p in listed.plugins if p.name == "prompt")
        assert (first.source, first.state) == ("built-in", "on")
        assert second.state == "failed"
        assert second.problem is not None
        assert "prompt.py" in second.problem.message


def test_every_bad_action_is_told_by_name_and_the_next_run_works(tmp_path: Path) -> None:
    with Driver(tmp_path) as host:
        host.write("good.py", bad.GOOD)
        host.write("acting.py", bad.ACTING)
        host.plugin("acting", "on")
        for name, words in bad.ACTION_ERRORS.items():
            host.forget()
            error = error_of(host.run(name))
            for word in ("The plugin acting", f"the action {name}", *words):
                assert word in error.message, error.message
            told = host.wait(Misbehaved)
            assert (told.plugin, told.hook) == ("acting", f"the action {name}")
            the_good_one_works(host)
        # What looped without end has been ended, also where it would not hear of it.
        host.eventually(lambda: text_of(host.run("stopped")) == "[1]")
        # Only what nobody has asked for is turned off when it keeps failing.
        assert host.manage("reload", "good") is None
        host.plugin("acting", "on")


def test_odd_results_are_told_as_far_as_they_can_be(tmp_path: Path) -> None:
    with Driver(tmp_path) as host:
        host.write("acting.py", bad.ACTING)
        host.plugin("acting", "on")
        assert text_of(host.run("surrogates")) == "a?b"
        # The copy of the process speaks to nobody.
        assert text_of(host.run("forks")) == "True"
        events = host.run("flood")
        assert text_of(events) == "done"
        assert len([e for e in events if isinstance(e, ActionProgress)]) < 2_000


def test_who_fails_again_and_again_is_turned_off_until_asked_for(tmp_path: Path) -> None:
    with Driver(tmp_path) as host:
        host.write("good.py", bad.GOOD)
        host.write(
            "sulks.py", bad.HEAD + "@hookimpl\ndef on_event(event): raise ValueError('no')\n"
        )
        host.catalogue(lambda c: c.listens)
        for _ in range(3):
            host.send(Tell(fact={"event": "x"}))
        last = host.wait(Misbehaved, lambda m: m.suspended)
        assert (last.plugin, last.hook) == ("sulks", "on_event")
        info = host.plugin("sulks", "suspended")
        assert info.problem is not None
        assert "turned off" in info.problem.message
        assert "ValueError: no" in info.problem.message
        the_good_one_works(host)
        host.forget()
        assert host.manage("enable", "sulks") is None
        host.plugin("sulks", "on")


def test_hooks_that_take_too_long_are_named_and_the_request_goes_on(tmp_path: Path) -> None:
    with Driver(tmp_path) as host:
        host.write(
            "slow.py", bad.HEAD + "@hookimpl\ndef rewrite_request(request):\n    while True: pass\n"
        )
        host.catalogue(lambda c: c.rewriters)
        assert host.rewrite({"messages": []}).request is None
        told = host.wait(Misbehaved)
        assert told.plugin == "slow"
        assert "rewrite_request: it took longer than 2 s" in told.error.message
        host.eventually(lambda: not host.inside())


@pytest.mark.parametrize("code", ["object()", "{'x': object()}", "{1: float('nan')}", "[]", "'x'"])
def test_a_rewritten_request_that_is_none_is_left_out(code: str, tmp_path: Path) -> None:
    with Driver(tmp_path) as host:
        host.write(
            "odd.py", bad.HEAD + f"@hookimpl\ndef rewrite_request(request):\n    return {code}\n"
        )
        host.catalogue(lambda c: c.rewriters)
        made = host.rewrite({"messages": []})
        assert made.request is None or code == "{1: float('nan')}"
        if made.request is None:
            assert host.wait(Misbehaved).hook == "rewrite_request"


def test_a_tool_that_makes_too_much_is_named(tmp_path: Path) -> None:
    with Driver(tmp_path) as host:
        host.write(
            "tools.py",
            bad.HEAD + "@hookimpl\ndef register_tools():\n    return [\n"
            "        Tool('huge', 'H', lambda context: 'x' * (2**20 + 1)),\n"
            "        Tool('slow', 'S', lambda context: time.sleep(60), timeout_s=0.2),\n"
            "        Tool('odd', 'O', lambda context: {1: {2, 3}}),\n    ]\n",
        )
        host.plugin("tools", "on")
        for name, words in (("huge", "more than 1048576"), ("slow", "longer than 0.2 s")):
            error = host.call_tool(name).error
            assert error is not None
            assert f"the tool {name}" in error.message
            assert words in error.message
        assert host.call_tool("odd").text == '{"1": "{2, 3}"}'


@pytest.mark.parametrize("name", bad.DEADLY)
def test_what_ends_the_process_is_known_by_what_it_had_entered(name: str, tmp_path: Path) -> None:
    with Driver(tmp_path) as host:
        host.write("good.py", bad.GOOD)
        act = f"[Action('deadly', 'Deadly', lambda run: {bad.DEADLY[name]})]\n"
        host.write(f"{name}.py", bad.HEAD + bad.ACTIONS + act)
        host.plugin(name, "on")
        the_good_one_works(host)
        host.start("deadly")
        host.ended()
        (entered,) = host.inside()
        assert (entered.plugin, entered.hook) == (name, "the action deadly")
