"""The parts of README.md that come from the code. cog writes and checks them:

    <!-- [[[cog import generate; cog.out(generate.settings()) ]]] -->
    <!-- [[[end]]] -->

`cog -r -I tests/docs README.md` writes them anew; `tests/run.sh` fails when they are out of date.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pluggy
from click.testing import CliRunner

from hob.errors import HobError, error_classes
from hob.plugins import Action


def settings() -> str:
    """Every setting with its default and what is allowed."""
    from hob.config.docs import settings_markdown

    return settings_markdown()


def help_text(*command: str) -> str:
    """What `hob COMMAND --help` prints, as a code block."""
    from hob.cli.app import hob

    result = CliRunner().invoke(
        hob,
        [*command, "--help"],
        prog_name="hob",
        # Not the commands of the plugins of whoever writes the page.
        env={"HOB_HOME": "/nowhere"},
        terminal_width=92,
        max_content_width=92,
    )
    if result.exit_code:
        raise RuntimeError(f"hob {' '.join(command)} --help: {result.output}") from result.exception
    return f"```text\n$ {' '.join(('hob', *command, '--help'))}\n{result.output.rstrip()}\n```\n"


def hooks() -> str:
    """Every hook of plugins with its signature and how long it may take."""
    from hob.plugins.hookspecs import DEADLINES

    rows = ["| hook | seconds | what it is for |", "|---|---|---|"]
    for name, function in hook_functions().items():
        # Annotations are texts in those modules, and would be in quotes.
        signature = _cell(f"{name}{inspect.signature(function)}".replace("'", ""))
        rows.append(f"| `{signature}` | {DEADLINES[name]:g} | {_meaning(function)} |")
    return "\n".join(rows) + "\n"


def hook_functions() -> dict[str, Callable[..., object]]:
    """The hooks, in the order in which they are written."""
    from hob.plugins import hookspecs

    functions = inspect.getmembers(hookspecs, inspect.isfunction)
    own = [each for each in functions if each[1].__module__ == hookspecs.__name__]
    return dict(sorted(own, key=lambda each: each[1].__code__.co_firstlineno))


def actions() -> str:
    """Every action of the plugins that come with Hob, as they are set at first."""
    rows = ["| action | takes | hotkey | what it does |", "|---|---|---|---|"]
    for action in shipped_actions():
        takes = "" if action.takes == "nothing" else f"the {action.takes}"
        key = f"`{action.hotkey}`" if action.hotkey else ""
        words = _cell(action.help or action.title)
        rows.append(f"| `{action.name}` | {takes} | {key} | {words} |")
    return "\n".join(rows) + "\n"


def shipped_actions() -> list[Action]:
    import hob_clipboard
    import hob_prompt
    from hob.plugins import hookspecs
    from hob.plugins.testing import FakeContext

    found: list[Action] = []
    for module in (hob_prompt, hob_clipboard):
        plugin = pluggy.PluginManager("hob")
        plugin.add_hookspecs(hookspecs)
        plugin.register(module)
        settings = [one for some in plugin.hook.register_settings() for one in some]
        context = FakeContext(settings={one.name: one.default for one in settings})
        found += [one for some in plugin.hook.register_actions(context=context) for one in some]
    return found


def errors() -> str:
    """Every error code with the HTTP status that carries it and what it means."""
    from hob.api.envelopes import STATUS

    rows = ["| code | status | meaning |", "|---|---|---|"]
    classes = error_classes()
    rows += [
        f"| `{code}` | {STATUS[code]} | {_meaning(classes[code])} |" for code in sorted(classes)
    ]
    return "\n".join(rows) + "\n"


def exit_codes() -> str:
    """Every exit code of the command line."""
    from hob.cli.exit_codes import MEANINGS

    rows = ["| exit code | meaning |", "|---|---|"]
    rows += [f"| {int(code)} | {_cell(meaning)} |" for code, meaning in MEANINGS.items()]
    return "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _meaning(thing: type[HobError] | Callable[..., object]) -> str:
    """The first paragraph of its docstring, on one line."""
    return " ".join(inspect.cleandoc(thing.__doc__ or "").split("\n\n")[0].split())
