"""A person's own prompts as actions."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator

from hob.errors import InvalidRequest
from hob.plugins import Action, Context, Run
from hob.wire.plugins import Source
from hob_clipboard import wording
from hob_clipboard.own import OwnPrompts, Prompt
from hob_clipboard.own_file import file_of, load
from hob_clipboard.reading import Order, Reading, text_of
from hob_clipboard.tasks import PATIENCE_S, wish_of

LISTING = "own-prompts"


class Shelf:
    """The prompts in force: what the file holds, or held before it was broken."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = OwnPrompts()
        self._taken: frozenset[str] = frozenset()

    def read(self, context: Context, taken: Collection[str] | None = None) -> OwnPrompts:
        """Read the file again. Mistakes are in the log. `taken` are the names of other actions,
        those of last time where it is not given."""
        if taken is not None:
            self._taken = frozenset(taken) | {LISTING}
        found = load(file_of(context), self._taken)
        for mistake in found.mistakes:
            context.log.warning("%s, %s", file_of(context), mistake)
        with self._lock:
            kept = self._now.prompts if found.broken else found.prompts
            self._now = OwnPrompts(kept, found.mistakes, found.broken)
            return self._now

    @property
    def now(self) -> OwnPrompts:
        with self._lock:
            return self._now


def own_actions(prompts: OwnPrompts, shelf: Shelf) -> list[Action]:
    """An action for each prompt, and one that tells what there is and what is wrong."""
    listing = Action(
        LISTING,
        "My own prompts",
        lambda run: told(shelf.now, str(file_of(run))),
        help="Where the file of your own prompts is, what it holds, and what is wrong with it.",
        in_menu=False,
    )
    return [*map(_action, prompts.prompts), listing]


def told(prompts: OwnPrompts, path: str) -> str:
    """What a person should know of the file, as Markdown."""
    lines = [f"Your own prompts are in this file:\n\n    {path}\n"]
    if prompts.mistakes:
        lines.append("What is wrong with it:\n")
        lines += [f"- {_escaped(str(mistake))}" for mistake in prompts.mistakes]
        if prompts.broken and prompts.prompts:
            lines.append("\nUntil that is put right, what it held before stays in force.")
        lines.append("")
    if prompts.prompts:
        lines.append("In force:\n")
        lines += [f"- **{_escaped(p.title)}** (`{p.name}`)" for p in prompts.prompts]
    elif not prompts.mistakes:
        lines.append("It holds none yet. The example in it says how they are written.")
    return "\n".join(lines)


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>#" else c for c in text)


def takes_of(prompt: Prompt) -> Source:
    """Where the text of the run comes from: what the prompt names goes before what it says."""
    if "clipboard" in prompt.places:
        return "clipboard"
    return "selection" if "selection" in prompt.places else prompt.takes


def _action(prompt: Prompt) -> Action:
    asks = prompt.asks or ("What is {input}?" if "input" in prompt.places else "")
    return Action(
        prompt.name,
        prompt.title,
        lambda run: run_prompt(run, prompt),
        help=prompt.help,
        takes=takes_of(prompt),
        kinds=prompt.kinds,
        asks=asks,
        choices=prompt.choices,
        hotkey=prompt.hotkey,
        plain=prompt.plain,
        system=_system(prompt),
        in_menu=prompt.in_menu,
        timeout_s=PATIENCE_S,
    )


def _system(prompt: Prompt) -> str:
    """A prompt that has no text to be wary of gets no words of Hob's."""
    if prompt.system is not None:
        return prompt.system
    return wording.SYSTEM if takes_of(prompt) != "nothing" and not _places_text(prompt) else ""


def _places_text(prompt: Prompt) -> bool:
    return bool(prompt.places & {"clipboard", "selection"})


def run_prompt(run: Run, prompt: Prompt) -> Iterator[str]:
    """The answer to one prompt. Text that stands before the prompt may be of any length; what
    stands in it must fit."""
    if takes_of(prompt) != "nothing" and not _places_text(prompt):
        text = text_of(run)
        order = Order(
            prompt.filled({"input": run.input}),
            system=_system(prompt),
            model=prompt.model,
            temperature=prompt.temperature,
            wish=wish_of(run, text, run.input),
        )
        return Reading(run, order).answer(text)
    values = {"input": run.input, **_texts(run, prompt)}
    return iter(
        run.ask(
            prompt.filled(values),
            system=_system(prompt),
            model=prompt.model or run.model,
            temperature=prompt.temperature,
            reasoning_effort="none",
        )
    )


def _texts(run: Run, prompt: Prompt) -> dict[str, str]:
    """What the placeholders for texts stand for. Raises InvalidRequest where there is none."""
    takes = takes_of(prompt)
    if takes == "nothing":
        return {}
    values: dict[str, str] = {takes: text_of(run)}
    if takes == "clipboard" and "selection" in prompt.places:
        selected = run.clipboard.selection().text
        if not selected.strip():
            raise InvalidRequest(
                "Nothing is selected, and this prompt works on the selection as well.",
                hint="Select some text and try again.",
            )
        values["selection"] = selected
    return values
