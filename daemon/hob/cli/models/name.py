"""The name of a model on the command line; shells complete it from what the daemon knows."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from hob.errors import HobError

_COMPLETION_LIMIT_S = 1.0


class ModelName(click.ParamType[str]):
    """Any name: the daemon says which models there are, and a part of a name will do."""

    name = "model"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        """Nothing while the daemon is not running: a key press must not start it."""
        import os

        from hob.cli.context import App

        try:
            models = App.from_environ(os.environ).client(_COMPLETION_LIMIT_S).models().models
        except HobError:
            return []
        names = [entry.info.name for entry in models if entry.state != "bad"]
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]
