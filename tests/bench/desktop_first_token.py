"""How soon an action on the clipboard begins to answer when the text was read while the person
chose it, as the action menu has it read, beside one that nobody has read.

    python -m bench.desktop_first_token --model FILE [--rounds 9] [--words 900] [--action summarize]

The real daemon, its plugins' process and the real action. Prints milliseconds from Enter to the
first text, and their ratio.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bench import load
from bench.measure import Pairs, in_turns
from hob.client import Client
from hob.wire.generate import ChatMessage
from hob.wire.plugins import ActionRequest, ActionText
from live_daemon import LiveDaemon, eventually, starter_model

GOAL = 0.1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--words", type=int, default=900, help="of the clipboard's text")
    parser.add_argument("--action", default="summarize")
    asked = parser.parse_args()
    model = asked.model or starter_model()
    with (
        tempfile.TemporaryDirectory(prefix="hob-bench-") as home,
        LiveDaemon(Path(home), [model], settings=["desktop.start=false"]) as daemon,
    ):
        client = daemon.client()
        eventually(lambda: system_of(client, asked.action) is not None)
        times = compared(client, asked.action, asked.rounds, asked.words)
    warm, cold = median(times.hob), median(times.peer)
    tokens = f"{asked.rounds} rounds of {asked.words} words"
    print(f"{'first text after reading ahead':<48} {warm:.0f} ms")
    print(f"{'first text of one that nobody has read':<48} {cold:.0f} ms")
    print(f"{f'ratio, {tokens}, goal <= {GOAL}':<48} {times.ratio:.3f}")
    return 0


def system_of(client: Client, action: str) -> str | None:
    """What is read before the text; None while there is no such action."""
    actions = {one.name: one.system for one in client.actions().actions}
    return actions.get(action)


def compared(client: Client, action: str, rounds: int, words: int) -> Pairs:
    """In turns, each with a text of its own; milliseconds."""
    chance = random.Random()
    system = system_of(client, action) or ""
    texts = [[load.text_of(words, chance) for _ in range(2)] for _ in range(rounds)]
    say("warming up")
    first_text(client, action, "A short text.")

    def ahead(number: int) -> float:
        say(f"round {number + 1} of {rounds}")
        text = texts[number][0]
        messages = [
            ChatMessage(role="system", content=system),
            ChatMessage(role="user", content=text),
        ]
        client.prefill(messages)
        return first_text(client, action, text)

    return in_turns(rounds, ahead, lambda number: first_text(client, action, texts[number][1]))


def first_text(client: Client, action: str, text: str) -> float:
    """Milliseconds from the request to the first text of the answer, which is then taken back."""
    began = time.perf_counter()
    with client.run_action(ActionRequest(action=action, text=text)) as events:
        for event in events:
            if isinstance(event, ActionText) and event.text:
                return (time.perf_counter() - began) * 1000
    raise SystemExit(f"{action} has made no text")


def say(what: str) -> None:
    print(f"... {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
