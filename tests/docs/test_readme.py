"""What README.md says is true: its commands exist, its links lead somewhere.

Its generated parts are checked by `cog --check`; see generate.py.
"""

from __future__ import annotations

import inspect
import re
import shlex
from pathlib import Path

import click
import pluggy
import pytest

from docs import generate
from docs.examples import plugin_example
from hob.cli.app import hob
from hob.plugins import hookspecs
from hob.plugins.hookspecs import DEADLINES
from hob.plugins.testing import FakeContext, FakeRun, load_plugin, result_of

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def shown_commands() -> list[str]:
    """Every `hob ...` in a code block or between backticks, up to a pipe or a comment."""
    blocks = re.findall(r"```(?:bash|sh|console|text)\n(.*?)```", README, re.DOTALL)
    lines = [line.removeprefix("$ ").strip() for block in blocks for line in block.splitlines()]
    lines += re.findall(r"`(hob [^`\n]+)`", README)
    parts = [part.strip() for line in lines for part in re.split(r"\s[|#]\s|\s{2,}", line)]
    return sorted({part for part in parts if part.startswith("hob ")})


def test_every_command_in_the_readme_exists() -> None:
    wrong = {}
    for line in shown_commands():
        try:
            _follow(shlex.split(line)[1:])
        except click.UsageError as error:
            wrong[line] = error.format_message()
    assert wrong == {}


@pytest.mark.parametrize(
    "part",
    [
        "settings()",
        "errors()",
        "exit_codes()",
        "help_text()",
        "hooks()",
        "actions()",
        'help_text("action")',
        'help_text("action", "run")',
        'help_text("plugins")',
    ],
)
def test_the_readme_holds_what_is_generated(part: str) -> None:
    assert f"generate.{part}" in README


def test_every_hook_is_documented_with_its_signature_and_its_deadline() -> None:
    hooks = generate.hook_functions()
    assert set(hooks) == set(DEADLINES) == {name for name in dir(hookspecs) if _is_hook(name)}
    for name, function in hooks.items():
        assert function.__doc__, f"{name} has no docstring"
        annotations = inspect.get_annotations(function)
        assert set(annotations) == {*inspect.signature(function).parameters, "return"}, name
        assert f"| `{name}(" in README, f"{name} is not in the README"


def test_the_example_of_a_plugin_does_what_the_readme_says(tmp_path: Path) -> None:
    source = plugin_example()
    file = tmp_path / "haiku.py"
    file.write_text(source)
    assert len([line for line in source.splitlines()[1:] if line.strip()]) < 10
    manager = pluggy.PluginManager("hob")
    manager.add_hookspecs(hookspecs)
    manager.register(load_plugin(file))
    [[action]] = manager.hook.register_actions(context=FakeContext())
    run = FakeRun(text="Snow.", answers=["White, white, white."])
    assert result_of(action.run, run) == "White, white, white."
    assert run.asked[0].prompt.startswith("Snow.")


def test_every_relative_link_leads_to_a_file() -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_link_into_the_page_leads_to_a_heading() -> None:
    headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}
    links = re.findall(r"\]\(#([^)\s]+)\)", README)
    assert [link for link in links if link not in anchors] == []


def _is_hook(name: str) -> bool:
    return hasattr(getattr(hookspecs, name), "hob_spec")


def _follow(words: list[str]) -> None:
    """Walks down the groups as far as the words name sub-commands."""
    command: click.Command = hob
    context = click.Context(command)
    for word in words:
        if not isinstance(command, click.Group) or word.startswith("-"):
            return
        found = command.get_command(context, word)
        if found is None:
            if command.invoke_without_command:
                return
            raise click.UsageError(f"there is no command {word!r} in {command.name}")
        command = found
