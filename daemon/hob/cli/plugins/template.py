"""What `hob plugins new` writes: a plugin that works, with its test. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from string import Template

_PLUGIN = '''\
"""Says in a few words what a text is about."""

from __future__ import annotations

from collections.abc import Iterator

from hob.plugins import Action, Context, Run, Setting, Tool, hookimpl


@hookimpl
def register_settings() -> list[Setting]:
    return [Setting("words", 20, "How many words the answer has at most.")]


@hookimpl
def register_actions() -> list[Action]:
    return [
        Action(
            "$name",
            "$title",
            sum_up,
            help="Say in a few words what the clipboard is about.",
            takes="clipboard",
        )
    ]


@hookimpl
def register_tools() -> list[Tool]:
    text = {"type": "string", "description": "The text."}
    parameters = {"type": "object", "properties": {"text": text}, "required": ["text"]}
    return [Tool("${name}_words", "Count the words of a text.", count_words, parameters)]


def sum_up(run: Run) -> Iterator[str]:
    """Runs on a thread of its own; what it yields or returns is the action's text."""
    words = run.settings["words"]
    yield from run.ask(f"{run.text}\\n\\nSay in at most {words} words what this is about.")


def count_words(context: Context, text: str) -> str:
    """What a tool returns is told to the model that called it."""
    return f"{len(text.split())} words"
'''

_TEST = '''\
"""The test of $name: it needs neither Hob's daemon nor a model."""

from __future__ import annotations

$imports


def test_the_model_is_asked_about_the_text_and_its_answer_is_shown() -> None:
    run = FakeRun(text="A long story.", settings={"words": 5}, answers=["A story."])
    assert result_of(plugin.sum_up, run) == "A story."
    assert "A long story." in run.asked[0].prompt
    assert "at most 5 words" in run.asked[0].prompt


def test_a_model_can_have_words_counted() -> None:
    assert plugin.count_words(FakeContext(), text="one two") == "2 words"
'''

_FILE_IMPORTS = """\
from pathlib import Path

from hob.plugins.testing import FakeContext, FakeRun, load_plugin, result_of

plugin = load_plugin(Path(__file__).parents[1] / "$name.py")\
"""

_PACKAGE_IMPORTS = """\
import hob_$name as plugin
from hob.plugins.testing import FakeContext, FakeRun, result_of\
"""

_PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "hob-$dashed"
version = "0.1.0"
description = "A plugin of Hob"
requires-python = ">=3.11"
dependencies = ["hob-daemon"]

# By this Hob finds it once it is installed beside Hob; `hob plugins enable $name` turns it on.
[project.entry-points.hob]
$name = "hob_$name"

[tool.hatch.build.targets.wheel]
packages = ["src/hob_$name"]

[tool.pytest.ini_options]
pythonpath = ["src"]
"""


def file_plugin(name: str) -> Mapping[str, str]:
    """The files of a plugin that is a single file, by their paths in the plugins folder.

    The test is in a folder of its own, since every file of the folder itself is a plugin.
    """
    return {
        f"{name}.py": _filled(_PLUGIN, name),
        f"tests/test_{name}.py": _filled(_TEST, name, imports=_filled(_FILE_IMPORTS, name)),
    }


def package_plugin(name: str) -> Mapping[str, str]:
    """The files of a plugin that pip installs."""
    root = f"hob-{name.replace('_', '-')}"
    test = _filled(_TEST, name, imports=_filled(_PACKAGE_IMPORTS, name))
    return {
        f"{root}/pyproject.toml": _filled(_PYPROJECT, name),
        f"{root}/src/hob_{name}/__init__.py": _filled(_PLUGIN, name),
        f"{root}/tests/test_{name}.py": test,
    }


def _filled(text: str, name: str, **more: str) -> str:
    title = name.replace("_", " ").capitalize()
    return Template(text).substitute(name=name, dashed=name.replace("_", "-"), title=title, **more)
