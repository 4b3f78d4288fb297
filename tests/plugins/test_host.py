"""The plugins' process, driven over its pipe as the daemon does."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.plugin_driver import Driver, error_of, text_of
from hob.wire.plugin_host import CancelRun, Catalogue, Entered, Leave, Misbehaved, Ping, Pong, Tell
from hob.wire.plugins import ActionProgress, ActionStarted, ActionText

GOOD = """
from hob.plugins import Action, Setting, Tool, hookimpl

@hookimpl
def register_settings():
    return [Setting("loud", True, "Whether it shouts."), Setting("times", 1, "How often.")]

@hookimpl
def register_actions():
    return [
        Action("shout", "Shout", shout, takes="clipboard", hotkey="Ctrl+Alt+K"),
        Action("pieces", "Pieces", lambda run: (piece for piece in ("a", "b", "c"))),
        Action("later", "Later", later),
        Action("stream", "Stream", stream),
    ]

@hookimpl
def register_tools():
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    return [Tool("double", "Double a number.", lambda context, a: {"made": 2 * a}, schema)]

@hookimpl
def warm_prompts():
    return ["You shout."]

def shout(run):
    run.progress(0.5, "shouting")
    return (run.text.upper() if run.settings["loud"] else run.text) * run.settings["times"]

async def later(run):
    return "later " + run.input

async def stream(run):
    for piece in ("x", "y"):
        yield piece
"""


def test_a_file_in_the_folder_offers_what_it_registers(tmp_path: Path) -> None:
    with Driver(tmp_path) as host:
        host.write("good.py", GOOD)
        info = host.plugin("good", "on")
        assert (info.source, info.enabled, info.problem) == ("folder", True, None)
        assert info.actions == ("shout", "pieces", "later", "stream")
        assert [s.name for s in info.settings] == ["loud", "times"]
        catalogue = host.catalogue(lambda c: any(a.name == "shout" for a in c.actions))
        shout = next(a for a in catalogue.actions if a.name == "shout")
        assert (shout.hotkey, shout.default_hotkey, shout.takes) == (
            "ctrl+alt+k", "ctrl+alt+k", "clipboard",
        )  # fmt: skip
        assert "You shout." in catalogue.warm_prompts
        assert [t.name for t in catalogue.tools] == ["double"]


def test_the_shipped_plugins_are_on(tmp_path: Path) -> None:
    with Driver(tmp_path) as host:
        for name in ("prompt", "clipboard"):
            info = host.plugin(name, "on")
            assert (info.source, info.problem) == ("built-in", None)


def test_every_way_of_making_a_text_is_streamed(tmp_path: Path) -> None:
    with Driver(tmp_path) as host:
        host.write("good.py", GOOD)
        host.plugin("good", "on")
        events = host.run("shout", text="hob")
        assert isinstance(events[0], ActionStarted)
        assert ActionProgress(fraction=0.5, note="shouting") in events
        assert text_of(events) == "HOB"
        assert text_of(host.run("pieces")) == "abc"
        assert text_of(host.run("later", input="on")) == "later on"
        assert text_of(host.run("stream")) == "xy"


def test_an_action_without_its_text_says_so(tmp_path: Path) -> None:
    with Driver(tmp_path) as host:
        host.write("good.py", GOOD)
        host.plugin("good", "on")
        assert error_of(host.run("shout", text=" ")).code == "invalid_request"
        # Nobody serves the socket.
        assert error_of(host.run("shout")).code == "not_running"
        assert error_of(host.run("shoot")).code == "action_not_found"


def test_a_tool_is_called_with_what_the_model_gives(tmp_path: Path) -> None:
    with Driver(tmp_path) as host:
        host.write("good.py", GOOD)
        host.plugin("good", "on")
        assert host.call_tool("double", '{"a": 4}').text == '{"made": 8}'
        for arguments in ("[", "[]", "{}", '{"b": 1}'):
            error = host.call_tool("double", arguments).error
            assert error is not None
            assert error.code == "invalid_request", arguments
        # What a model gets wrong is not the plugin's fault.
        assert not [m for m in host.heard if isinstance(m, Misbehaved)]


def test_settings_are_checked_kept_and_in_force_at_once(tmp_path: Path) -> None:
    with Driver(tmp_path) as host:
        host.write("good.py", GOOD)
        host.plugin("good", "on")
        host.settings_file.write_text("# mine\n[plugin.good]\ntimes = 2 # twice\n")
        host.catalogue(
            lambda c: any(s.value == 2 for p in c.plugins for s in p.settings if s.name == "times")
        )
        assert text_of(host.run("shout", text="a")) == "AA"
        assert host.manage("set", "good", "loud", "no") is None
        assert text_of(host.run("shout", text="a")) == "aa"
        wrong = host.manage("set", "good", "times", "many")
        assert wrong is not None
        assert "whole number" in wrong.message
        missing = host.manage("set", "good", "colour", "red")
        assert missing is not None
        assert "colour" in missing.message
        kept = host.settings_file.read_text()
        assert "# mine" in kept
        assert "times = 2 # twice" in kept
        assert "loud = false" in kept
        assert host.manage("set", "good", "loud", None) is None
        assert "loud" not in host.settings_file.read_text()


def test_what_is_offered_may_depend_on_a_setting(tmp_path: Path) -> None:
    code = GOOD.replace("def register_actions():", "def register_actions(context):").replace(
        '"Shout", shout,', '"Shout" + "!" * context.settings["times"], shout,'
    )
    with Driver(tmp_path) as host:
        host.write("good.py", code)
        host.catalogue(lambda c: any(a.title == "Shout!" for a in c.actions))
        assert host.manage("set", "good", "times", "3") is None
        host.catalogue(lambda c: any(a.title == "Shout!!!" for a in c.actions))


def test_a_wrong_value_in_the_file_is_named_and_the_default_taken(tmp_path: Path) -> None:
    (tmp_path / "plugins.toml").write_text('[plugin.good]\ntimes = "many"\n')
    with Driver(tmp_path) as host:
        host.write("good.py", GOOD)
        info = host.plugin("good", "on")
        assert info.problem is not None
        assert "times" in info.problem.message
        assert text_of(host.run("shout", text="a")) == "A"


def test_a_broken_settings_file_changes_nothing_and_is_told(tmp_path: Path) -> None:
    with Driver(tmp_path) as host:
        host.write("good.py", GOOD)
        host.plugin("good", "on")
        assert host.manage("disable", "good") is None
        host.plugin("good", "off")
        host.forget()
        host.settings_file.write_text("[plugin.good\nenabled = ")
        problem = host.catalogue(lambda c: any(p.problem for p in c.plugins))
        info = next(p for p in problem.plugins if p.name == "good")
        assert info.state == "off"
        assert info.problem is not None
        assert info.problem.code == "config_invalid"
        refused = host.manage("enable", "good")
        assert refused is not None
        assert refused.code == "config_invalid"
        assert host.settings_file.read_text() == "[plugin.good\nenabled = "


def test_turning_off_and_on_needs_no_restart(tmp_path: Path) -> None:
    with Driver(tmp_path) as host:
        host.write("good.py", GOOD)
        host.plugin("good", "on")
        assert host.manage("disable", "good") is None
        host.forget()
        assert error_of(host.run("shout", text="a")).code == "action_not_found"
        assert host.manage("enable", "good") is None
        assert text_of(host.run("shout", text="a")) == "A"
        missing = host.manage("enable", "nothing")
        assert missing is not None
        assert missing.code == "plugin_not_found"


def test_a_changed_file_is_loaded_anew_and_a_removed_one_is_gone(tmp_path: Path) -> None:
    with Driver(tmp_path) as host:
        host.write("good.py", GOOD)
        host.plugin("good", "on")
        host.write("good.py", GOOD.replace("run.text.upper()", "run.text + '!'"))
        host.eventually(lambda: text_of(host.run("shout", text="a")) == "a!")
        host.forget()
        (host.folder / "good.py").unlink()
        gone = host.wait(Catalogue, lambda c: all(p.name != "good" for p in c.plugins))
        assert all(action.plugin != "good" for action in gone.actions)


def test_a_package_in_the_folder_is_a_plugin_and_its_parts_are_watched(tmp_path: Path) -> None:
    package = tmp_path / "plugins" / "pack"
    package.mkdir(parents=True)
    (package / "words.py").write_text("WORD = 'one'\n")
    (package / "__init__.py").write_text(
        "from hob.plugins import Action, hookimpl\nfrom .words import WORD\n"
        "@hookimpl\ndef register_actions():\n    return [Action('say', 'Say', lambda run: WORD)]\n"
    )
    with Driver(tmp_path) as host:
        host.plugin("pack", "on")
        assert text_of(host.run("say")) == "one"
        host.forget()
        (package / "words.py").write_text("WORD = 'another'\n")
        host.plugin("pack", "on")
        assert text_of(host.run("say")) == "another"


def test_a_hotkey_can_be_set_taken_away_and_put_back(tmp_path: Path) -> None:
    def hotkey(catalogue: Catalogue) -> str:
        return next((a.hotkey for a in catalogue.actions if a.name == "shout"), "-")

    with Driver(tmp_path) as host:
        host.write("good.py", GOOD)
        host.plugin("good", "on")
        assert host.manage("hotkey", "shout", value="Control+Shift+F5") is None
        host.catalogue(lambda c: hotkey(c) == "ctrl+shift+f5")
        assert host.manage("hotkey", "shout", value="") is None
        host.catalogue(lambda c: hotkey(c) == "")
        assert host.manage("hotkey", "shout") is None
        host.catalogue(lambda c: hotkey(c) == "ctrl+alt+k")
        bad = host.manage("hotkey", "shout", value="k")
        assert bad is not None
        assert bad.code == "bad_hotkey"


def test_names_and_hotkeys_go_to_the_first_and_the_other_is_told(tmp_path: Path) -> None:
    with Driver(tmp_path) as host:
        host.write("good.py", GOOD)
        host.plugin("good", "on")
        host.write("late.py", GOOD.replace("x", "z"))
        info = host.plugin("late", "on")
        assert info.problem is not None
        assert "good" in info.problem.message
        assert "shout" in info.problem.message
        host.forget()
        assert host.manage("disable", "good") is None
        # Nobody holds the names any more.
        assert host.catalogue(lambda c: any(a.plugin == "late" for a in c.actions))
        assert host.plugin("late", "on").problem is None


SLOW = """
import time
from hob.plugins import Action, hookimpl

def work(run):
    while True:
        run.progress(None, "on it")
        time.sleep(0.01)

@hookimpl
def register_actions():
    return [Action("slow", "Slow", work)]
"""


def test_a_run_that_is_taken_back_ends(tmp_path: Path) -> None:
    with Driver(tmp_path) as host:
        host.write("slow.py", SLOW)
        host.plugin("slow", "on")
        id = host.start("slow")
        host.wait_event(id, lambda e: isinstance(e, ActionProgress))
        host.send(CancelRun(id=id))
        assert error_of(host.finished(id)).code == "cancelled"
        assert not host.inside()


@pytest.mark.parametrize("how", ["disabled", "removed"])
def test_a_plugin_that_is_turned_off_is_cut_short(how: str, tmp_path: Path) -> None:
    with Driver(tmp_path) as host:
        host.write("slow.py", SLOW)
        host.plugin("slow", "on")
        id = host.start("slow")
        host.wait_event(id, lambda e: isinstance(e, ActionProgress))
        if how == "disabled":
            assert host.manage("disable", "slow") is None
        else:
            (host.folder / "slow.py").unlink()
        error = error_of(host.finished(id))
        assert error.code == "cancelled"
        assert "The plugin slow was turned off or removed" in error.message


AWAITS = """
import asyncio
from hob.plugins import Action, Tool, hookimpl

async def wait(run):
    yield "waiting"
    await asyncio.Event().wait()

async def tool(context):
    await asyncio.Event().wait()

@hookimpl
def register_actions():
    return [Action("wait", "Wait", wait), Action("short", "Short", wait, timeout_s=0.2)]

@hookimpl
def register_tools():
    return [Tool("tool", "Tool", tool, timeout_s=0.2)]

@hookimpl
async def on_event():
    await asyncio.Event().wait()
"""


def test_what_awaits_for_ever_leaves_nothing_behind(tmp_path: Path) -> None:
    with Driver(tmp_path) as host:
        host.write("awaits.py", AWAITS)
        host.plugin("awaits", "on")
        id = host.start("wait")
        host.wait_event(id, lambda e: isinstance(e, ActionText))
        host.send(CancelRun(id=id))
        assert error_of(host.finished(id)).code == "cancelled"
        assert "did nothing for 0.2 s" in error_of(host.run("short")).message
        error = host.call_tool("tool").error
        assert error is not None
        assert "longer than 0.2 s" in error.message
        host.send(Tell(fact={"event": "test"}))
        host.wait(Misbehaved, lambda m: m.hook == "on_event")
        host.eventually(lambda: host.manage("set", "awaits", "none") and not host.inside())


KEEPS = """
import threading
from hob.plugins import Action, hookimpl

GO = threading.Barrier(4)

def keep(run):
    GO.wait()
    for number in range(50):
        run.storage.put(run.input + str(number), number)
    return "kept"

def count(run):
    names = [name + str(number) for name in "abcd" for number in range(50)]
    return str(sum(run.storage.get(name) is not None for name in names))

@hookimpl
def register_actions():
    return [Action("keep", "Keep", keep), Action("count", "Count", count)]
"""


def test_runs_at_the_same_time_do_not_lose_what_the_others_keep(tmp_path: Path) -> None:
    with Driver(tmp_path) as host:
        host.write("keeps.py", KEEPS)
        host.plugin("keeps", "on")
        runs = [host.start("keep", input=name) for name in "abcd"]
        assert [text_of(host.finished(run)) for run in runs] == ["kept"] * 4
        assert text_of(host.run("count")) == "200"


def test_a_plugin_that_refreshes_while_it_registers_does_so_once(tmp_path: Path) -> None:
    with Driver(tmp_path) as host:
        host.write(
            "eager.py",
            "from hob.plugins import Action, hookimpl\n@hookimpl\ndef register_actions(context):\n"
            "    context.refresh()\n    return [Action('eager', 'Eager', print)]\n",
        )
        host.plugin("eager", "on")
        # What it has asked for would be done before this.
        assert host.manage("set", "eager", "none") is not None
        registered = [m for m in host.heard if isinstance(m, Entered) and m.plugin == "eager"]
        assert [m.hook for m in registered] == ["import", "register_actions"]


def test_facts_come_in_order_to_those_who_listen(tmp_path: Path) -> None:
    with Driver(tmp_path) as host:
        assert not host.catalogue().listens
        host.write(
            "ears.py",
            "from hob.plugins import Action, hookimpl\nheard = []\n"
            "@hookimpl\ndef on_event(event):\n    heard.append(event['n'])\n"
            "@hookimpl\ndef register_actions():\n"
            "    return [Action('heard', 'Heard', lambda run: str(heard))]\n",
        )
        host.catalogue(lambda c: c.listens)
        for number in range(20):
            host.send(Tell(fact={"n": number}))
        wanted = str(list(range(20)))
        host.eventually(lambda: text_of(host.run("heard")) == wanted)


def test_a_request_is_rewritten_by_all_but_the_asker(tmp_path: Path) -> None:
    code = (
        "from hob.plugins import hookimpl\n@hookimpl\ndef rewrite_request(request):\n"
        "    request['stop'] = [*request.get('stop', []), NAME]\n    return request\n"
    )
    with Driver(tmp_path) as host:
        for name in ("one", "two"):
            host.write(f"{name}.py", f"NAME = {name!r}\n{code}")
        assert host.catalogue(lambda c: len(c.rewriters) == 2).rewriters == ("one", "two")
        made = host.rewrite({"messages": []})
        assert made.request == {"messages": [], "stop": ["one", "two"]}
        assert made.by == ("one", "two")
        assert host.rewrite({"messages": []}, asker="one").by == ("two",)


def test_it_answers_pings_and_leaves_when_told(tmp_path: Path) -> None:
    with Driver(tmp_path) as host:
        host.send(Ping(number=7))
        assert host.wait(Pong).number == 7
        host.write(
            "stops.py",
            "from hob.plugins import hookimpl\nfrom pathlib import Path\n"
            "@hookimpl\ndef stop(context):\n"
            "    (context.storage.folder / 'stopped').write_text('yes')\n",
        )
        host.plugin("stops", "on")
        host.send(Leave())
        assert host.ended() == 0
        assert (tmp_path / "storage" / "stops" / "stopped").read_text() == "yes"


def test_what_is_kept_out_is_loaded_again_when_its_file_changes(tmp_path: Path) -> None:
    from hob.errors import PluginBroken
    from hob.wire.base import ErrorInfo

    why = ErrorInfo.of(PluginBroken("It ended the process."))
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "good.py").write_text(GOOD)
    with Driver(tmp_path, without={"good": why}) as host:
        assert host.plugin("good", "suspended").problem == why
        host.write("good.py", GOOD + "\n")
        host.plugin("good", "on")
