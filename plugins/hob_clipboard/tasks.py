"""The actions that the plugin brings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hob.errors import InvalidRequest
from hob.plugins import Action, Context, Opens, Run
from hob.wire.plugins import ContentKind
from hob_clipboard import wording
from hob_clipboard.languages import guess_language
from hob_clipboard.reading import How, Order, Reading, text_of
from hob_clipboard.tables import parse_table, to_csv

LANGUAGES = (
    "English", "German", "French", "Spanish", "Italian", "Portuguese", "Dutch", "Polish",
    "Swedish", "Turkish", "Ukrainian", "Russian", "Arabic", "Hindi", "Chinese", "Japanese",
    "Korean",
)  # fmt: skip
WAYS_TO_WRITE = ("Shorter", "Friendlier", "More formal", "Clearer", "More convincing")
# A model that must be loaded first, and a long part of a text on a slow machine.
PATIENCE_S = 900.0
_LAST_LANGUAGE = "last-language"


@dataclass(frozen=True)
class Task:
    """An action that is one instruction. `plain` results are shown as they are, because Markdown
    would join their lines."""

    name: str
    title: str
    help: str
    instruction: wording.Instruction
    how: How = "whole"
    kinds: tuple[ContentKind, ...] = ()
    asks: str = ""
    choices: tuple[str, ...] = ()
    temperature: float = 0.3
    plain: bool = False
    in_menu: bool = False


_TASKS: tuple[Task, ...] = (
    Task(
        "summarize",
        "Summarize",
        "Say briefly what the text says, in its own language, however long it is.",
        wording.summarize,
        kinds=("text", "message"),
        in_menu=True,
    ),
    Task(
        "explain",
        "Explain",
        "Say in simple words what the text means.",
        wording.explain,
        kinds=("text", "message"),
        in_menu=True,
    ),
    Task(
        "fix-grammar",
        "Fix spelling and grammar",
        "Correct the text, and change nothing else.",
        wording.fix_grammar,
        how="pieces",
        kinds=("text", "message"),
        temperature=0.0,
        plain=True,
        in_menu=True,
    ),
    Task(
        "rewrite",
        "Rewrite...",
        "Write the text anew: shorter, friendlier, or as you say.",
        wording.rewrite,
        how="pieces",
        kinds=("text", "message"),
        asks="How should it be?",
        choices=WAYS_TO_WRITE,
        temperature=0.5,
        plain=True,
    ),
    Task(
        "reply",
        "Reply...",
        "Write an answer to the message or e-mail.",
        wording.reply,
        kinds=("message",),
        asks="What should the reply say?",
        temperature=0.5,
        plain=True,
    ),
    Task(
        "tasks",
        "Extract tasks",
        "Make a check list of what is to be done.",
        wording.tasks,
        kinds=("message", "text"),
        temperature=0.0,
    ),
    Task(
        "explain-code",
        "Explain the code",
        "Say what the code does, and what is wrong with it.",
        wording.explain_code,
        kinds=("code",),
    ),
    Task(
        "explain-error",
        "Explain the error",
        "Say what the error message means, and what to do.",
        wording.explain_error,
        kinds=("error",),
    ),
    Task(
        "titles",
        "Suggest titles",
        "Five titles for the text.",
        wording.titles,
        kinds=("text",),
        temperature=0.7,
    ),
    Task(
        "keywords",
        "Keywords",
        "The ten most important words, in one line.",
        wording.keywords,
        kinds=("text",),
        plain=True,
    ),
)
_TO_CSV = Task("table-to-csv", "", "", wording.table_to_csv, how="pieces", temperature=0.0)
_TRANSLATE = Task("translate", "", "", wording.translate, how="pieces", temperature=0.2)


def actions(context: Context) -> list[Action]:
    """All of them, in the order in which they are shown."""
    ready = {task.name: _action(task) for task in _TASKS}
    first = ("summarize", "explain")
    return [
        _menu(),
        *(ready.pop(name) for name in first),
        _translate_action(context),
        *ready.values(),
        Action(
            "table-to-csv",
            "Table to CSV",
            _to_csv,
            help="Turn a copied table into comma-separated values; exactly, where it can be read.",
            takes="clipboard",
            kinds=("table",),
            plain=True,
            in_menu=False,
            system=wording.SYSTEM,
            timeout_s=PATIENCE_S,
        ),
        _picture("describe-image", "Describe the picture", wording.describe_image),
        _picture("read-image", "Text in the picture", wording.read_image),
    ]


def _menu() -> Action:
    return Action(
        "actions",
        "Actions on the clipboard...",
        help="Open the menu of the actions that suit what is in the clipboard.",
        opens=Opens(window="actions", attach="clipboard"),
        hotkey="ctrl+alt+c",
    )


def _action(task: Task) -> Action:
    return Action(
        task.name,
        task.title,
        lambda run: _work(run, task),
        help=task.help,
        takes="clipboard",
        kinds=task.kinds,
        asks=task.asks,
        choices=task.choices,
        plain=task.plain,
        system=wording.SYSTEM,
        in_menu=task.in_menu,
        timeout_s=PATIENCE_S,
    )


def _work(run: Run, task: Task, input: str | None = None) -> Iterator[str]:
    text = text_of(run)
    wish = wish_of(run, text, run.input if input is None else input)
    order = Order(task.instruction(wish), task.how, temperature=task.temperature, wish=wish)
    return Reading(run, order).answer(text)


def wish_of(run: Run, text: str, input: str) -> wording.Wish:
    """What instructions depend on, from this run and the settings."""
    settings = run.settings
    language = str(settings["language"]).strip() or guess_language(text)
    return wording.Wish(
        input.strip(), language, str(settings["summary_length"]), str(settings["tone"])
    )


# ---- translate ----


def _translate_action(context: Context) -> Action:
    return Action(
        "translate",
        "Translate...",
        _translate,
        help="Translate the text into the language that you name.",
        takes="clipboard",
        kinds=("text", "message"),
        asks="Into which language?",
        choices=_languages(_last_language(context)),
        plain=True,
        system=wording.SYSTEM,
        timeout_s=PATIENCE_S,
    )


def _last_language(context: Context) -> str:
    """The setting, the last one asked for, or English."""
    wished = str(context.settings["translate_to"]).strip()
    return wished or str(context.storage.get(_LAST_LANGUAGE, "") or "English")


def _languages(first: str) -> tuple[str, ...]:
    return (first, *(name for name in LANGUAGES if name.lower() != first.lower()))


def _translate(run: Run) -> Iterator[str]:
    language = " ".join(run.input.split())[:60]
    if not language:
        language = _last_language(run)
    elif language != run.storage.get(_LAST_LANGUAGE, ""):
        run.storage.put(_LAST_LANGUAGE, language)
        # The menu offers it first from now on.
        run.refresh()
    return _work(run, _TRANSLATE, language)


# ---- tables and pictures ----


def _to_csv(run: Run) -> str | Iterator[str]:
    rows = parse_table(text_of(run))
    return to_csv(rows) if rows else _work(run, _TO_CSV)


def _picture(name: str, title: str, instruction: Callable[[wording.Wish], str]) -> Action:
    def look(run: Run) -> Iterator[str]:
        if not run.image:
            raise InvalidRequest(
                "The clipboard holds no picture.",
                hint="Copy a picture, or a part of the screen, and try again.",
            )
        language = str(run.settings["language"]).strip()
        prompt = instruction(wording.Wish(language=language))
        return iter(
            run.ask(
                prompt,
                system=wording.IMAGE_SYSTEM,
                image=run.image,
                temperature=0.2,
                reasoning_effort="none",
            )
        )

    return Action(
        name,
        title,
        look,
        help="Needs a model that can see.",
        takes="clipboard",
        kinds=("image",),
        system=wording.IMAGE_SYSTEM,
        in_menu=False,
        timeout_s=PATIENCE_S,
    )


def names(actions: Sequence[Action]) -> frozenset[str]:
    return frozenset(action.name for action in actions)
