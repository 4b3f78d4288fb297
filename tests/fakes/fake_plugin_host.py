"""A process of plugins without any plugin: a real program that speaks the true protocol and
misbehaves on cue. It ends when its stdin does.

Cues at the start (argv):
    exit-at-start   exits with code 3 before it says anything
    silent          reads, and never says anything
    rewrites        the plugin `polite` rewrites requests; see below
    rewrites-too    so does the plugin `good`, who leaves them
    listens         tells what it is told: a Misbehaved whose message is the fact's name
    noisy           prints 5,000 lines to stderr

Its plugins are `good`, `bad` and `polite`; those in Begin.without are suspended. `good` has the
actions `echo`, which tells the text word by word, `held`, which tells a word and waits to be
cancelled (then it says so to stderr), and `flood`, which tells progress and text without any end
in between, and the tools `add`, which gives back its arguments, `fail` and `held-tool`. `bad` has
actions that are named for what they do after a first word: `crash` (SIGKILL to itself), `exit`,
`babble`, `hang` (reads no more), `eat` (takes 300 MB), `talk-much` (17 million characters),
`too-big` (9 MB in one message).

Requests are rewritten by what their first message says: `polite` puts a system message before it;
`wrong` makes it invalid, `slow` never answers, `same` leaves it.

Manage: `enable` and `reload` load a suspended plugin, `disable` turns one off; the name `missing`
is refused.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

from hob.errors import PluginBroken, PluginNotFound
from hob.wire.base import ErrorInfo
from hob.wire.frames import FrameReader, encode_frame
from hob.wire.plugin_host import (
    Begin,
    CallTool,
    CancelRun,
    Catalogue,
    Entered,
    FromHost,
    Left,
    Manage,
    Managed,
    Misbehaved,
    Ping,
    Pong,
    Rewrite,
    Rewritten,
    RunAction,
    RunEvent,
    Tell,
    ToHostMessage,
    ToolResult,
    to_host_decoder,
)
from hob.wire.plugins import (
    ActionEvent,
    ActionFinished,
    ActionInfo,
    ActionProgress,
    ActionStarted,
    ActionText,
    CommandInfo,
    PluginInfo,
    ToolInfo,
)

ACTIONS = {
    "good": ("echo", "held", "flood"),
    "bad": ("crash", "exit", "babble", "hang", "eat", "talk-much", "too-big"),
    "polite": (),
}
TOOLS = ("add", "fail", "held-tool")


def argv(*cues: str) -> tuple[str, ...]:
    """How to start it."""
    return (sys.executable, __file__, *cues)


class Host:
    def __init__(self, cues: frozenset[str]) -> None:
        self.cues = cues
        self.states = dict.fromkeys(ACTIONS, "on")
        self.without: dict[str, ErrorInfo] = {}
        self.held: set[str] = set()
        self.entered = 0

    def say(self, message: FromHost) -> None:
        sys.stdout.buffer.write(encode_frame(message))
        sys.stdout.buffer.flush()

    def event(self, id_: str, event: ActionEvent) -> None:
        self.say(RunEvent(id=id_, event=event))

    def catalogue(self) -> Catalogue:
        on = [name for name, state in self.states.items() if state == "on"]
        return Catalogue(
            plugins=tuple(
                PluginInfo(
                    name=name,
                    source="folder",
                    path=f"/plugins/{name}.py",
                    enabled=True,
                    state=state,  # type: ignore[arg-type]
                    problem=self.without.get(name),
                    actions=ACTIONS[name],
                )
                for name, state in self.states.items()
            ),
            actions=tuple(
                ActionInfo(name=action, plugin=name, title=action.title())
                for name in on
                for action in ACTIONS[name]
            ),
            tools=tuple(
                ToolInfo(name=tool, plugin="good", help=tool, parameters="{}") for tool in TOOLS
            ),
            commands=(CommandInfo(name="greet", plugin="good", help="Greets."),),
            warm_prompts=("You are polite.",),
            rewriters=tuple(
                name
                for cue, name in (("rewrites", "polite"), ("rewrites-too", "good"))
                if cue in self.cues
            ),
            listens="listens" in self.cues,
        )

    def take(self, message: ToHostMessage) -> None:
        match message:
            case Begin(without=without):
                self.without = dict(without)
                self.states |= dict.fromkeys(without, "suspended")
                self.say(self.catalogue())
            case Ping(number=number):
                self.say(Pong(number=number))
            case RunAction(id=id_):
                self.run(id_, message)
            case CancelRun(id=id_) if id_ in self.held:
                self.held.discard(id_)
                print(f"cancelled {id_}", file=sys.stderr, flush=True)
            case CallTool(id=id_, tool=tool, arguments=arguments):
                self.call(id_, tool, arguments)
            case Rewrite(id=id_, request=request):
                self.rewrite(id_, request)
            case Manage():
                self.manage(message)
            case Tell(fact=fact):
                error = ErrorInfo.of(PluginBroken(str(fact["event"])))
                self.say(Misbehaved(plugin="good", hook="on_event", error=error))
            case _:
                pass

    def enter(self, plugin: str, hook: str) -> int:
        self.entered += 1
        self.say(Entered(number=self.entered, plugin=plugin, hook=hook))
        return self.entered

    def run(self, id_: str, asked: RunAction) -> None:
        name = asked.request.action
        plugin = next(plugin for plugin, names in ACTIONS.items() if name in names)
        number = self.enter(plugin, f"action {name}")
        self.event(id_, ActionStarted(id=id_, action=name, plugin=plugin, title=name.title()))
        if plugin == "bad":
            self.event(id_, ActionText(text="first "))
            getattr(self, name.replace("-", "_"))(id_)
        elif name == "held":
            self.event(id_, ActionText(text="first "))
            self.held.add(id_)
            return
        elif name == "flood":
            for _ in range(5_000):
                self.event(id_, ActionProgress(fraction=0.5, note="n" * 600))
                self.event(id_, ActionText(text="x"))
        else:
            for word in (asked.request.text or "").split():
                self.event(id_, ActionText(text=f"{word} "))
        self.say(Left(number=number))
        self.event(id_, ActionFinished())

    def crash(self, _: str) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def exit(self, _: str) -> None:
        os._exit(9)

    def babble(self, _: str) -> None:
        sys.stdout.buffer.write(b"\0\0\0\5hello")
        sys.stdout.buffer.flush()

    def hang(self, _: str) -> None:
        time.sleep(3600)

    def eat(self, _: str) -> None:
        self.eaten = bytearray(os.urandom(1)) * 300_000_000
        time.sleep(3600)

    def talk_much(self, id_: str) -> None:
        for _ in range(17):
            self.event(id_, ActionText(text="x" * 1_000_000))

    def too_big(self, id_: str) -> None:
        self.event(id_, ActionText(text="x" * 9_000_000))

    def call(self, id_: str, tool: str, arguments: str) -> None:
        if tool == "held-tool":
            self.held.add(id_)
        elif tool == "fail":
            error = ErrorInfo.of(PluginBroken("It does not add up.", plugin="good"))
            self.say(ToolResult(id=id_, error=error))
        else:
            self.say(ToolResult(id=id_, text=arguments))

    def rewrite(self, id_: str, request: dict[str, Any]) -> None:
        cue = request["messages"][0]["content"]
        number = self.enter("polite", "rewrite_request")
        if cue == "slow":
            return
        changed = None
        if cue == "polite":
            system = {"role": "system", "content": "Be polite."}
            changed = request | {"messages": [system, *request["messages"]]}
        elif cue == "wrong":
            changed = {"messages": 7}
        self.say(Left(number=number))
        self.say(Rewritten(id=id_, request=changed, by=("polite",) if changed else ()))

    def manage(self, wanted: Manage) -> None:
        error = None
        if wanted.name == "missing":
            error = ErrorInfo.of(PluginNotFound("There is no such plugin."))
        elif wanted.verb in ("enable", "reload"):
            self.states[wanted.name] = "on"
            self.without.pop(wanted.name, None)
        elif wanted.verb == "disable":
            self.states[wanted.name] = "off"
        self.say(self.catalogue())
        self.say(Managed(id=wanted.id, error=error))


def main(cues: frozenset[str]) -> None:
    if "exit-at-start" in cues:
        sys.exit(3)
    if "noisy" in cues:
        print("noise\n" * 5_000, file=sys.stderr, flush=True)
    host, frames = Host(cues), FrameReader()
    while data := os.read(0, 65536):
        for body in frames.feed(data):
            if "silent" not in cues:
                host.take(to_host_decoder.decode(body))


if __name__ == "__main__":
    main(frozenset(sys.argv[1:]))
