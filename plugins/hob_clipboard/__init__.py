"""Work on what is in the clipboard: summarize, explain, translate, rewrite, answer."""

from __future__ import annotations

from hob.plugins import Action, Context, Setting, hookimpl
from hob_clipboard.own_actions import LISTING, Shelf, own_actions
from hob_clipboard.own_file import Watch, file_of, write_example
from hob_clipboard.tasks import actions, names
from hob_clipboard.wording import LENGTHS, SYSTEM, TONES

_shelf = Shelf()
_watches: list[Watch] = []


@hookimpl
def register_settings() -> list[Setting]:
    return [
        Setting(
            "language", "", "The language of the answers, such as German; empty for the text's."
        ),
        Setting(
            "translate_to",
            "",
            "The language that Translate offers first; empty for the last one.",
        ),
        Setting("summary_length", "medium", "How long summaries are.", choices=tuple(LENGTHS)),
        Setting("tone", "neutral", "The tone of replies.", choices=tuple(TONES)),
        Setting("max_input", 1_000_000, "The longest text that is worked on, in characters."),
        Setting(
            "prompts_file",
            "",
            'The file of your own prompts; empty for that which "My own prompts" names.',
        ),
    ]


@hookimpl
def register_actions(context: Context) -> list[Action]:
    shipped = actions(context)
    prompts = _shelf.read(context, names(shipped))
    return [*shipped, *own_actions(prompts, _shelf)]


@hookimpl
def warm_prompts() -> list[str]:
    return [SYSTEM]


@hookimpl
def start(context: Context) -> None:
    try:
        write_example(file_of(context))
    except OSError as error:
        context.log.warning("the example of own prompts cannot be written: %s", error)
    watch = Watch(lambda: file_of(context), lambda: _changed(context))
    _watches.append(watch)
    watch.start()


@hookimpl
def stop() -> None:
    while _watches:
        _watches.pop().stop()


def _changed(context: Context) -> None:
    """The file of own prompts is another: offer what it holds now, and tell what is wrong."""
    mistakes = _shelf.read(context).mistakes
    context.refresh()
    if mistakes:
        more = f" and {len(mistakes) - 1} more" if len(mistakes) > 1 else ""
        context.notify(
            "Your own prompts have a mistake",
            f"{mistakes[0]}{more}. The action {LISTING} tells all of it.",
        )
