"""The parts of README.md that come from the code. cog writes and checks them:

    <!-- [[[cog import generate; cog.out(generate.settings()) ]]] -->
    <!-- [[[end]]] -->

`cog -r -I tests/docs README.md` writes them anew; `tests/run.sh` fails when they are out of date.
"""

from __future__ import annotations

import inspect

from click.testing import CliRunner

from hob.errors import HobError, error_classes


def settings() -> str:
    """Every setting with its default and what is allowed."""
    from hob.config.docs import settings_markdown

    return settings_markdown()


def help_text(*command: str) -> str:
    """What `hob COMMAND --help` prints, as a code block."""
    from hob.cli.app import hob

    result = CliRunner().invoke(
        hob, [*command, "--help"], prog_name="hob", terminal_width=92, max_content_width=92
    )
    if result.exit_code:
        raise RuntimeError(f"hob {' '.join(command)} --help: {result.output}") from result.exception
    return f"```text\n$ {' '.join(('hob', *command, '--help'))}\n{result.output.rstrip()}\n```\n"


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


def _meaning(cls: type[HobError]) -> str:
    """The first paragraph of the class's docstring, on one line."""
    return " ".join(inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0].split())
